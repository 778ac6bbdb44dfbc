"""Signing in and out, and one's password.

What else allauth has is not offered: nobody signs up, and an address comes from the source of the identity.
No cache keeps any of it: a page may hold a token, or say that one no longer works.
"""

from allauth.account import views as allauth
from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from governance.web.accounts import views

urlpatterns = [
    path("persona/", views.sign_in, name="persona-sign-in"),
    path("login/", never_cache(allauth.login), name="account_login"),
    path("logout/", never_cache(allauth.logout), name="account_logout"),
    path("inactive/", never_cache(allauth.account_inactive), name="account_inactive"),
    path("signup/", never_cache(allauth.signup), name="account_signup"),
    path("reauthenticate/", never_cache(allauth.reauthenticate), name="account_reauthenticate"),
    path("password/change/", never_cache(allauth.password_change), name="account_change_password"),
    path("password/set/", never_cache(allauth.password_set), name="account_set_password"),
    path("password/reset/", never_cache(allauth.password_reset), name="account_reset_password"),
    path("password/reset/done/", never_cache(allauth.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        never_cache(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        never_cache(allauth.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
]
