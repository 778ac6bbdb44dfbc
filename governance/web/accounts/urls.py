from django.urls import path

from governance.web.accounts import views

urlpatterns = [path("sign-in/", views.sign_in, name="persona-sign-in")]
