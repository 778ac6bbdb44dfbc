"""What every page shows around itself: who is here, where one can go, how the log stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from governance.audit.queries import Seal, lag, latest_checkpoint
from governance.break_glass import permissions as break_glass
from governance.break_glass.queries import of_whom_it_concerns
from governance.core.actor import Actor
from governance.identities.states import Kind
from governance.notifications.permissions import unread
from governance.web.accounts.personas import Persona, personas
from governance.web.accounts.providers import provider_name
from governance.web.emergency.present import Emergency, emergency
from governance.web.menu import Group, Way, menu
from governance.web.shapes import Who
from governance.web.step_up import waiting

CHECK_FRESH = timedelta(minutes=15)
"""How long a check of the log speaks for it; the checker runs each minute."""

MOST_UNREAD = 100

MOST_EMERGENCIES = 5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The colophon's words on the log."""

    size: int
    sealed_at: Any
    root: str
    state: str
    lag_seconds: int


def portal(request: HttpRequest) -> dict[str, "Portal"]:
    """The context processor."""
    return {"portal": Portal(request)}


class Portal:
    """Read only as far as a template asks: a fragment shows none of it."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._actor: Actor | None = getattr(request, "actor", None)
        self._now = getattr(request, "now", None) or timezone.now()

    organisation = settings.ORGANISATION_NAME

    @property
    def provider(self) -> str:
        """What the OpenID provider is called; empty where there is none."""
        return provider_name()

    @property
    def demo_mode(self) -> bool:
        """Whether personas can sign in."""
        return bool(settings.DEMO_MODE)

    @property
    def waiting_act(self) -> str:
        """The sensitive act that goes on from this page once its visitor has confirmed that it is them, in words."""
        kept = waiting(self._request)
        return str(kept["act"]) if kept and kept["back"] == self._request.GET.get("next") else ""

    @cached_property
    def actor(self) -> Who | None:
        """Who has signed in, with their roles in the portal."""
        if self._actor is None:
            return None
        roles = ", ".join(sorted(self._actor.roles)).capitalize()
        return Who(self._actor.label, Kind.PERSON, None, roles or None)

    @cached_property
    def menu(self) -> Sequence[Way | Group]:
        """What exists and the visitor may see."""
        return menu(self._actor, self._request.path, self._now) if self._actor else ()

    @cached_property
    def unread(self) -> int:
        """How many notifications the visitor has not opened, counted up to `MOST_UNREAD`."""
        return unread(self._actor)[:MOST_UNREAD].count() if self._actor else 0

    @cached_property
    def emergencies(self) -> Sequence[Emergency]:
        """What was taken at once and stands: the visitor's own, and all of it for security (rule 11).

        Its own page says so itself.
        """
        actor = self._actor
        if actor is None:
            return ()
        watches = actor.has(*break_glass.WATCHES)
        found = of_whom_it_concerns(actor.identity_ids, self._now, watches=watches)
        told = (emergency(one, actor) for one in found[:MOST_EMERGENCIES])
        return [one for one in told if one.url != self._request.path]

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """How the log stands; None before anything is sealed."""
        seal = latest_checkpoint()
        if seal is None:
            return None
        behind = int(lag(self._now).age.total_seconds())
        return Checkpoint(seal.size, seal.sealed_at, seal.root, _log_state(seal, self._now), behind)

    @cached_property
    def personas(self) -> list[Persona]:
        """Who can walk in with one click, in demo mode alone."""
        return personas(self._now)


def _log_state(seal: Seal, now: datetime) -> str:
    """What the colophon may say: that the log agrees with its seal is known only as of the last check."""
    if seal.ok is False:
        return "failed"
    fresh = seal.checked_at is not None and now - seal.checked_at < CHECK_FRESH
    return "verified" if fresh else "unchecked"
