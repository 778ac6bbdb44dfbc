from django.urls import path

from governance.web.catalog import views

urlpatterns = [
    path("", views.EntitlementList.as_view(), name="entitlement-list"),
    path("<uuid:pk>/", views.EntitlementPage.as_view(), name="entitlement-detail"),
    path("<uuid:pk>/edit", views.EntitlementEdit.as_view(), name="entitlement-edit"),
    path("<uuid:pk>/retire", views.EntitlementRetire.as_view(), name="entitlement-retire"),
    path("systems/", views.SystemList.as_view(), name="system-list"),
    path("systems/<uuid:pk>/", views.SystemPage.as_view(), name="system-detail"),
    path("systems/<uuid:pk>/edit", views.SystemEdit.as_view(), name="system-edit"),
    path("systems/<uuid:pk>/retire", views.SystemRetire.as_view(), name="system-retire"),
    path("systems/<uuid:pk>/entitlements/new", views.EntitlementNew.as_view(), name="entitlement-new"),
]
