"""What allauth asks of us: who may sign in, by what one confirms that it is oneself, how secrets are kept."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from governance.notifications.letters import absolute
from governance.web.accounts import recording
from governance.web.accounts.providers import PROVIDER_ID, provider_name

PASSWORD, CODE, PASSKEY = "reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate:webauthn"
"""What allauth calls the ways to confirm that it is oneself."""

GUESSED = "guessed"
"""What counts the wrong passwords of an account, wherever they come from: `ACCOUNT_RATE_LIMITS` has the limit."""

WORDS = {PASSWORD: "Use your password", CODE: "Use a code", PASSKEY: "Use a passkey"}


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in without sign-up: who has an account is decided by governance, not by visitors."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "Username or password is wrong. Try again.",
        "too_many_login_attempts": "Too many wrong tries. Wait some minutes, then try again.",
        "rate_limited": "Too many tries. Wait some minutes, then try again.",
        "enter_current_password": "Write your current password.",
        "incorrect_password": "The password is wrong. Try again.",
        "invalid_password_reset": "This link no longer works. Ask for a new one.",
    }

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        """Never."""
        return False

    def post_login(self, request: HttpRequest, user: Any, **rest: Any) -> HttpResponse:
        """Record the sign-in: nobody is let in without it."""
        response: HttpResponse = super().post_login(request, user, **rest)
        recording.signed_in(request, user)
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse whoever has tried too often from where they are, and everybody once an account was tried too often."""
        super().pre_authenticate(request, **credentials)
        if not ratelimit.consume(request, action=GUESSED, key=_account(credentials), dry_run=True):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count and record that a password was wrong."""
        ratelimit.consume(request, action=GUESSED, key=_account(credentials))
        recording.password_refused(request, credentials.get("username", ""))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By account and address: who knows a name shuts nobody else out.

        allauth counts by the Host header as well, whose port is the visitor's to choose.
        """
        return f"{_account(credentials)} {recording.address(request)}"

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in the mail, below PUBLIC_URL: whoever asks for it must not choose where it leads."""
        uid, _, secret = key.partition("-")
        return absolute(reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": secret}))

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """How somebody confirms that it is them, the best way first: by a second factor alone where there is one."""
        if not user.is_authenticated:
            return []
        offered = {
            way["id"]: {**way, "description": WORDS[way["id"]]} for way in super().get_reauthentication_methods(user)
        }
        if not is_mfa_enabled(user):
            return [*offered.values(), *_provider(user)]
        offered.pop(PASSWORD, None)
        if not is_mfa_enabled(user, [Authenticator.Type.TOTP]) and CODE in offered:
            offered[CODE] = offered.pop(CODE)  # there are recovery codes alone, which sign nothing: the last resort
        return [*offered.values()]


class FactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are kept encrypted, and the picture of one needs no foreign source."""

    def encrypt(self, text: str) -> str:
        """With a key derived from SECRET_KEY."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was encrypted. Raises PermissionDenied when SECRET_KEY is no longer the one it was."""
        try:
            return _box().decrypt(encrypted_text).decode()
        except InvalidToken:
            raise PermissionDenied(
                "Your authenticator app can't be checked any more: the portal's secret key has changed. "
                "Use a passkey, or ask an administrator to remove the app."
            ) from None

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:  # noqa: A002 - allauth's name
        """What a passkey is called unless its owner says otherwise."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def build_totp_svg(self, url: str) -> str:
        """The QR code as an element that stands in the page itself: an image from `data:` is refused there."""
        drawn: str = super().build_totp_svg(url)
        return drawn.partition("?>")[2]


def _account(credentials: Mapping[str, Any]) -> str:
    return str(credentials.get("username", "")).lower()


def _provider(user: Any) -> list[dict[str, Any]]:
    """The provider as a way to confirm, for whoever is linked there."""
    if not provider_name() or not SocialAccount.objects.filter(user=user, provider=PROVIDER_ID).exists():
        return []
    return [
        {"id": "provider", "description": f"Sign in again at {provider_name()}", "url": reverse("confirm-at-provider")}
    ]


def _box() -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=b"leasehold second factors").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
