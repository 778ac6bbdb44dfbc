from django.urls import path

from governance.web.bundles import views

urlpatterns = [
    path("", views.BundleList.as_view(), name="bundle-list"),
    path("new/", views.BundleNew.as_view(), name="bundle-new"),
    path("<uuid:pk>/", views.BundlePage.as_view(), name="bundle-detail"),
    path("<uuid:pk>/edit", views.BundleEdit.as_view(), name="bundle-edit"),
    path("<uuid:pk>/retire", views.BundleRetire.as_view(), name="bundle-retire"),
]
