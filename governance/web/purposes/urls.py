from django.urls import path

from governance.web.purposes import views

urlpatterns = [
    path("", views.PurposeList.as_view(), name="purpose-list"),
    path("new/", views.PurposeNew.as_view(), name="purpose-new"),
    path("<uuid:pk>/", views.PurposePage.as_view(), name="purpose-detail"),
    path("<uuid:pk>/edit", views.PurposeEdit.as_view(), name="purpose-edit"),
    path("<uuid:pk>/retire", views.PurposeRetire.as_view(), name="purpose-retire"),
]
