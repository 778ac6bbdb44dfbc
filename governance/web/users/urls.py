from django.urls import path

from governance.web.users import views

urlpatterns = [
    path("", views.TokensPage.as_view(), name="token-list"),
    path("<uuid:pk>/revoke", views.RevokeToken.as_view(), name="token-revoke"),
]
