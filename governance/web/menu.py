"""The ways to go that every page shows: the work of each day one by one, whatever else in groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from governance.analysis import permissions as analysis
from governance.approvals.permissions import CALENDARS, inbox
from governance.audit import permissions as audit
from governance.break_glass import permissions as break_glass
from governance.core.actor import Actor
from governance.lifecycle.permissions import sees_feeds
from governance.policy import permissions as policy
from governance.provisioning import permissions as manual
from governance.separation import permissions as separation


@dataclass(frozen=True, slots=True)
class Way:
    """One way to go."""

    label: str
    url: str
    current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Ways that belong together."""

    label: str
    ways: Sequence[Way]

    @property
    def current(self) -> bool:
        """Whether the visitor is on one of them."""
        return any(way.current for way in self.ways)


def menu(actor: Actor, path: str, now: datetime) -> list[Way | Group]:
    """What exists and the actor may see, as it looks from the page at the path."""
    return _Menu(actor, path, now).ways()


@dataclass(frozen=True, slots=True)
class _Menu:
    actor: Actor
    path: str
    now: datetime

    def ways(self) -> list[Way | Group]:
        return [
            self._way("Home", "home"),
            self._way("Requests", "request-list"),
            self._way("Approvals", "approval-list", count=inbox(self.actor).count()),
            *self._tasks(),
            self._way("Grants", "grant-list"),
            *_grouped("Catalog", self._catalog()),
            *_grouped("Policy", self._policy()),
            *([self._way("People", "feed-run-list")] if sees_feeds(self.actor) else []),
            *([self._way("Audit", "event-list")] if self.actor.has(*audit.READERS) else []),
        ]

    def _tasks(self) -> list[Way]:
        """The way to people's tasks, for those who have any, those who oversee them, and whoever is there."""
        waiting = manual.waiting_for(self.actor, self.now).count()
        way = self._way("Tasks", "task-list", count=waiting)
        return [way] if waiting or way.current or self.actor.has(*manual.SEES_ALL) else []

    def _catalog(self) -> list[Way]:
        """What there is to ask for, for which purpose, and how it is being changed."""
        return [
            self._way("Entitlements", "entitlement-list", apart="system-list"),
            self._way("Bundles", "bundle-list"),
            self._way("Systems", "system-list"),
            self._way("Purposes", "purpose-list"),
            self._way("Changes", "change-list"),
        ]

    def _policy(self) -> list[Way]:
        """What decides, what must not come together, what has gone stale; what was taken at once, how long people wait.

        For those who oversee; an owner is led to what is theirs by a message or another page, and finds the way there.
        """
        seen = (
            (self._way("Rules", "rule-list"), policy.SEES_ALL),
            (self._way("Separation", "violation-list"), separation.SEES_ALL),
            (self._way("Findings", "finding-list"), analysis.SEES_ALL),
            (self._way("Calendars", "calendar-list"), CALENDARS),
            (self._way("Break-glass", "break-glass-list"), break_glass.SEES_ALL),
            (self._way("Speed", "speed"), analysis.SEES_ALL),
        )
        return [way for way, roles in seen if way.current or self.actor.has(*roles)]

    def _way(self, label: str, name: str, *, count: int | None = None, apart: str = "") -> Way:
        """A way, current on all pages under it but those that are another way `apart`."""
        url = reverse(name)
        return Way(label, url, self._under(url) and not (apart and self._under(reverse(apart))), count)

    def _under(self, url: str) -> bool:
        return self.path == url if url == "/" else self.path.startswith(url)


def _grouped(label: str, ways: Sequence[Way]) -> Sequence[Way | Group]:
    """The ways as a group; one alone needs none."""
    return [Group(label, ways)] if len(ways) > 1 else ways
