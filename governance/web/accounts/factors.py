"""Changes to what one signs in with: allauth's pages, each change recorded in the transaction that makes it.

Only who has just confirmed that it is them gets to any of these. allauth sends everybody else to confirm first, except
those who have neither password nor second factor: whom it lets pass, `Confirmed` stops.
"""

import time
from collections.abc import Callable
from typing import Any

from allauth.account import app_settings
from allauth.account import views as allauth
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.utils import is_mfa_enabled
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils import timezone

from governance.lifecycle import sign_in
from governance.users.actions import SIGN_IN
from governance.web.accounts import codes
from governance.web.accounts.recording import actor
from governance.web.actor import PERSONA

SECURITY = reverse_lazy("mfa_index")


def _recorded(request: Any, carry_out: Callable[[], HttpResponse], verb: str, **facts: Any) -> HttpResponse:
    user = request.user
    return sign_in.change(carry_out, user=user, verb=verb, actor=actor(request, user), now=timezone.now(), facts=facts)


class Confirmed:
    """A page for those who have just confirmed that it is them, by whatever way they have."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send everybody else to confirm first. Raises PermissionDenied where somebody has no way to."""
        taken = hasattr(self, request.method.lower())
        if taken and request.user.is_authenticated and not confirmed_lately(request):
            if not get_adapter(request).get_reauthentication_methods(request.user):
                raise PermissionDenied("You have no way to confirm here that it is you. Sign in again, and come back.")
            raise ReauthenticationRequired
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # the view's own
        return response


def confirmed_lately(request: HttpRequest) -> bool:
    """Whether the visitor has confirmed that it is them within the last minutes. A persona's click always has."""
    records = get_authentication_records(request, request.user)
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    lately = any(record.get("reauthenticated") and record["at"] > since for record in records)
    persona = settings.DEMO_MODE and request.session.get(PERSONA)
    return lately or bool(persona and not is_mfa_enabled(request.user))


class AddApp(Confirmed, totp.ActivateTOTPView):
    """Set up an authenticator app."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The code proves that the app has the key."""
        return _recorded(self.request, lambda: self._set_up(form), "factor_added", factor="totp")

    def _set_up(self, form: Any) -> HttpResponse:
        codes.spend(self.request.user, form.cleaned_data["code"])
        response: HttpResponse = super().form_valid(form)
        return response


class RemoveApp(Confirmed, totp.DeactivateTOTPView):
    """Remove the authenticator app."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it; recovery codes go with the last factor."""
        removed = lambda: super(RemoveApp, self).form_valid(form)  # noqa: E731
        return _recorded(self.request, removed, "factor_removed", factor="totp")


class AddPasskey(Confirmed, webauthn.AddWebAuthnView):
    """Add a passkey."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The browser has made it, and signed for it."""
        facts = {"factor": "webauthn", "name": form.cleaned_data["name"]}
        return _recorded(self.request, lambda: super(AddPasskey, self).form_valid(form), "factor_added", **facts)


class RemovePasskey(Confirmed, webauthn.RemoveWebAuthnView):
    """Remove a passkey."""

    success_url = SECURITY

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it; recovery codes go with the last factor."""
        removed = lambda: super(RemovePasskey, self).form_valid(form)  # noqa: E731
        facts = {"factor": "webauthn", "name": self.object.wrap().name}
        return _recorded(self.request, removed, "factor_removed", **facts)


class ShowCodes(Confirmed, recovery_codes.ViewRecoveryCodesView):
    """The recovery codes, once."""


class RenewCodes(Confirmed, recovery_codes.GenerateRecoveryCodesView):
    """New recovery codes in the place of the old ones."""

    def form_valid(self, form: Any) -> HttpResponse:
        """The old ones stop working."""
        renewed = lambda: super(RenewCodes, self).form_valid(form)  # noqa: E731
        return _recorded(self.request, renewed, "recovery_codes_renewed")


class ConfirmByPasskey(webauthn.ReauthenticateWebAuthnView):
    """Confirm that it is oneself with a passkey."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Back to this page, not to the sign-in page: the session goes on."""
        for problem in form.errors.get("credential", []):
            messages.error(self.request, problem)
        return redirect(self.request.get_full_path())


class ChangePassword(allauth.PasswordChangeView):
    """Another password. The other sessions end with the old one."""

    success_url = SECURITY

    def form_valid(self, form: Any) -> HttpResponse:
        """Change it, and end the other sessions at once."""
        return _recorded(self.request, lambda: self._change(form), "password_changed")

    def _change(self, form: Any) -> HttpResponse:
        end_other_sessions(self.request)
        response: HttpResponse = super().form_valid(form)
        return response


class SetPassword(Confirmed, allauth.PasswordSetView):
    """A first password, beside another way of signing in."""

    success_url = SECURITY

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it."""
        return _recorded(self.request, lambda: super(SetPassword, self).form_valid(form), "password_set")


class ResetPassword(allauth.PasswordResetFromKeyView):
    """Another password by a link that was sent. All sessions end."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it, and end every session at once. Nobody has signed in: the link is all that was proven."""
        return sign_in.change(
            lambda: self._reset(form),
            user=self.reset_user,
            verb="password_reset",
            actor=SIGN_IN,
            now=timezone.now(),
            facts={},
        )

    def _reset(self, form: Any) -> HttpResponse:
        end_sessions(UserSession.objects.filter(user=self.reset_user))
        response: HttpResponse = super().form_valid(form)
        return response


def end_other_sessions(request: HttpRequest) -> int:
    """End every session of the visitor but this one. Answers how many."""
    mine: Any = UserSession.objects.filter(user=request.user)
    return end_sessions(mine.exclude(session_key=request.session.session_key))


def end_sessions(sessions: Any) -> int:
    """End the sessions, wherever they are. Answers how many."""
    ended = list(sessions)
    for session in ended:
        session.end()
    return len(ended)


def has_factor(user: Any) -> bool:
    """Whether the user has a second factor of their own: an app or a passkey."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user=user, type__in=kinds).exists())
