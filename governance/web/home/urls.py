from django.urls import path

from governance.web.home import views

urlpatterns = [path("", views.Home.as_view(), name="home")]
