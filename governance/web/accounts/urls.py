"""Signing in and out, and everything that one signs in with.

What else allauth has is not offered: nobody signs up, and an address comes from the source of the identity.
No cache keeps any of it: a page may hold a token, or say that one no longer works.
"""

from allauth.account import views as allauth
from allauth.mfa.base import views as mfa
from allauth.mfa.webauthn import views as webauthn
from django.urls import path, re_path
from django.views.decorators.cache import never_cache

from governance.web.accounts import factors, oidc, security, views

urlpatterns = [
    path("persona/", views.sign_in, name="persona-sign-in"),
    path("login/", never_cache(allauth.login), name="account_login"),
    path("login/second-factor/", never_cache(mfa.authenticate), name="mfa_authenticate"),
    path("login/passkey/", never_cache(webauthn.login_webauthn), name="mfa_login_webauthn"),
    re_path(r"^(?P<provider_id>sso)/login/$", never_cache(oidc.login), name="openid_connect_login"),
    re_path(r"^(?P<provider_id>sso)/callback/$", never_cache(oidc.callback), name="openid_connect_callback"),
    path("logout/", never_cache(allauth.logout), name="account_logout"),
    path("inactive/", never_cache(allauth.account_inactive), name="account_inactive"),
    path("signup/", never_cache(allauth.signup), name="account_signup"),
    path("security/", never_cache(security.Security.as_view()), name="mfa_index"),
    path("security/sessions/end/", never_cache(security.EndOtherSessions.as_view()), name="sessions-end"),
    path("security/app/add/", never_cache(factors.AddApp.as_view()), name="mfa_activate_totp"),
    path("security/app/remove/", never_cache(factors.RemoveApp.as_view()), name="mfa_deactivate_totp"),
    path("security/passkeys/add/", never_cache(factors.AddPasskey.as_view()), name="mfa_add_webauthn"),
    path(
        "security/passkeys/<int:pk>/remove/", never_cache(factors.RemovePasskey.as_view()), name="mfa_remove_webauthn"
    ),
    path("security/recovery-codes/", never_cache(factors.ShowCodes.as_view()), name="mfa_view_recovery_codes"),
    path(
        "security/recovery-codes/renew/", never_cache(factors.RenewCodes.as_view()), name="mfa_generate_recovery_codes"
    ),
    path("confirm/", never_cache(security.StepUp.as_view()), name="account_step_up"),
    path("confirm/password/", never_cache(allauth.reauthenticate), name="account_reauthenticate"),
    path("confirm/code/", never_cache(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("confirm/provider/", never_cache(oidc.ConfirmAtProvider.as_view()), name="confirm-at-provider"),
    path("confirm/passkey/", never_cache(factors.ConfirmByPasskey.as_view()), name="mfa_reauthenticate_webauthn"),
    path("password/change/", never_cache(factors.ChangePassword.as_view()), name="account_change_password"),
    path("password/set/", never_cache(factors.SetPassword.as_view()), name="account_set_password"),
    path("password/reset/", never_cache(allauth.password_reset), name="account_reset_password"),
    path("password/reset/done/", never_cache(allauth.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        never_cache(factors.ResetPassword.as_view()),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        never_cache(allauth.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
]
