from django.urls import path

from governance.web.grants import views

urlpatterns = [
    path("", views.GrantList.as_view(), name="grant-list"),
    path("chains", views.GrantChains.as_view(), name="grant-chains"),
    path("<uuid:pk>/chain", views.GrantChain.as_view(), name="grant-chain"),
    path("<uuid:pk>/", views.GrantPage.as_view(), name="grant-detail"),
    path("<uuid:pk>/hand-back", views.HandBack.as_view(), name="grant-hand-back"),
    path("<uuid:pk>/narrow", views.Narrow.as_view(), name="grant-narrow"),
    path("<uuid:pk>/renew", views.Renew.as_view(), name="grant-renew"),
    path("<uuid:pk>/revoke", views.Revoke.as_view(), name="grant-revoke"),
]
