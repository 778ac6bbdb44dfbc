"""Codes of authenticator apps: one counts once, for as long as any clock that is tolerated would accept it.

If this is wrong, whoever sees a code typed can type it again.
"""

from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache

from governance.web.accounts.forms import Plain


def spend(user: Any, code: str) -> None:
    """Keep in mind that a code was accepted: allauth forgets it while a tolerated clock still shows it."""
    shown = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    where = TOTP(Authenticator(user=user))._get_used_cache_key(code)  # noqa: SLF001 - where allauth looks for it
    cache.set(where, "y", timeout=shown)


class _Code(Plain):
    """A code of an app that was accepted is spent; a recovery code works once by itself."""

    user: Any
    authenticator: Authenticator

    def clean_code(self) -> str:
        """As allauth has it, and then spent."""
        code: str = super().clean_code()  # type: ignore[misc]  # the form's own
        if self.authenticator.type == Authenticator.Type.TOTP:
            spend(self.user, code)
        return code


class SetUpForm(Plain, ActivateTOTPForm):
    """The first code of an app."""


class SignInForm(_Code, AuthenticateForm):
    """A code beside the password."""


class ConfirmForm(_Code, ReauthenticateForm):
    """A code to confirm that it is oneself."""
