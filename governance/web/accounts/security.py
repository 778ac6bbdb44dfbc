"""The page of everything that one signs in with, and the way to confirm that it is oneself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from governance.core import stepup
from governance.lifecycle import sign_in
from governance.web import bases, step_up
from governance.web.accounts import factors, recording
from governance.web.destinations import within
from governance.web.present import counted

MOST_SESSIONS = 50


@dataclass(frozen=True, slots=True)
class Factor:
    """An authenticator app or a passkey."""

    pk: int
    name: str
    added_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session: where from, since when."""

    browser: str
    address: str
    since: datetime
    current: bool


class Security(bases.Page):
    """Password, authenticator app, passkeys, recovery codes, sessions."""

    http_method_names = bases.READS
    template_name = "account/security.html"

    def get(self, request: Any) -> HttpResponse:
        """All of it, in a constant number of queries."""
        found = list(Authenticator.objects.filter(user=request.user).order_by("created_at"))
        context = {
            "level": self.actor.assurance,
            "proven_at": self.actor.proven_at,
            "stands": stepup.stands(self.actor, self.now),
            "has_password": request.user.has_usable_password(),
            "app": next((factor(one) for one in found if one.type == Authenticator.Type.TOTP), None),
            "passkeys": [factor(one) for one in found if one.type == Authenticator.Type.WEBAUTHN],
            "codes_left": next((left(one) for one in found if one.type == Authenticator.Type.RECOVERY_CODES), None),
            "sessions": self._sessions(request),
            "waiting": step_up.waiting(request),
        }
        return self.draw(context)

    def _sessions(self, request: HttpRequest) -> list[SignedIn]:
        going_on = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=self.now)
        rows = UserSession.objects.filter(Exists(going_on), user=request.user).order_by("-created_at")
        here = request.session.session_key
        return [
            SignedIn(row.user_agent or "Unknown browser", row.ip, row.created_at, row.session_key == here)
            for row in rows[:MOST_SESSIONS]
        ]


def factor(row: Authenticator) -> Factor:
    """A second factor as its line shows it."""
    name = row.data["name"] if row.type == Authenticator.Type.WEBAUTHN else "Authenticator app"
    return Factor(row.pk, name, row.created_at, row.last_used_at)


def left(codes: Authenticator) -> int:
    """How many recovery codes have not been used."""
    used: int = codes.data["used_mask"]
    count: int = app_settings.RECOVERY_CODE_COUNT
    return count - used.bit_count()


class EndOtherSessions(bases.Page):
    """Sign out everywhere else."""

    http_method_names = bases.SENDS

    def post(self, request: Any) -> HttpResponse:
        """End every other session of the visitor, and say how many there were."""
        ended = sign_in.change(
            lambda: factors.end_other_sessions(request),
            user=request.user,
            verb="sessions_ended",
            actor=recording.actor(request, request.user),
            now=self.now,
            facts={},
        )
        messages.success(request, f"{counted(ended, 'other session')} ended.")
        return redirect("mfa_index")


class StepUp(bases.Page):
    """Confirm that it is oneself, with what one has. Who has no second factor is told to set one up first."""

    http_method_names = bases.READS
    template_name = "account/step_up.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """On to the page of a second factor, which leads back to where the visitor was."""
        back = within(request, request.GET.get("next"), reverse("mfa_index"))
        ways = get_adapter(request).get_reauthentication_methods(request.user)
        if factors.has_factor(request.user):
            return redirect(f"{ways[0]['url']}?{urlencode({'next': back})}")
        provider = next((way for way in ways if way["id"] == "provider"), None)
        context = {"act": step_up.waiting(request).get("act", ""), "back": back, "provider": provider}
        return self.draw({**context, "there": urlencode({"next": back})})
