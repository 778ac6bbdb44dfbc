from django.urls import path

from governance.web.api import views

urlpatterns = [path("", views.ApiDocs.as_view(), name="api-docs")]
