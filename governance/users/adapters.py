from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


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

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False
