"""Break-glass in tests: an outage, and the way from taking access at once to closing that."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from governance.access.states import Observation
from governance.break_glass import actions
from governance.break_glass.models import BreakGlass
from governance.break_glass.rules import Draft, Exposed
from governance.core.actor import Actor, Role
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from tests.builders import Organisation, actor, person, purpose, rule, see, team

HOUR = timedelta(hours=1)
PASSWORD = Exposed("password", "root of payments-db")


class Outage(Organisation):
    """The organisation in an emergency, with security on duty, and a rule that lets everybody break the glass."""

    def __init__(self, *steps: str, **glass: Any) -> None:
        super().__init__(*steps)
        self.watch = person("Watch")
        team("security", self.watch)
        self.emergency = purpose(self.owner, self.entitlement, name="Payments are down", emergency=True)
        said: dict[str, Any] = {"condition": "request.break_glass", "break_glass_seconds": 4 * 3600, **glass}
        self.glass_rule = rule(key="POL-20", **said)

    def draft(self, **fields: Any) -> Draft:
        """The requester's form: two hours of the entitlement."""
        said: dict[str, Any] = {
            "entitlement_id": self.entitlement.pk,
            "purpose_id": self.emergency.pk,
            "incident": "INC-2041",
            "justification": "Payments are stuck since noon.",
            "term": 2 * HOUR,
            "form_token": uuid4(),
        }
        return Draft(**{**said, **fields})

    def take(self, *, now: datetime | None = None, **fields: Any) -> BreakGlass:
        """The requester breaks the glass."""
        return actions.take(draft=self.draft(**fields), actor=actor(self.requester), now=now or timezone.now())


def security(outage: Outage) -> Actor:
    """Security, signed in."""
    return actor(outage.watch, Role.SECURITY)


def over(glass: BreakGlass) -> datetime:
    """Let it come to its end; answers that moment."""
    grant = Grant.objects.get(pk=glass.grant_id)
    expire_due(now=grant.ends_at, only=[grant.assignment_id] if grant.assignment_id else [])
    return grant.ends_at


def gone(glass: BreakGlass) -> datetime:
    """Let it come to its end, and be seen gone; answers that moment."""
    end = over(glass)
    see(Grant.objects.get(pk=glass.grant_id), Observation.ABSENT, now=end)
    return end


def reviewed(glass: BreakGlass, by: Actor, *exposed: Exposed, now: datetime) -> BreakGlass:
    """Somebody writes the review."""
    return actions.review(
        break_glass_id=glass.pk,
        done="The queue was restarted by hand.",
        exposed=exposed,
        nothing_exposed=not exposed,
        actor=by,
        now=now,
    )


def rotate(glass: BreakGlass, by: Actor, *, now: datetime, evidence: str = "The old one is refused.") -> None:
    """Somebody marks all that it exposed as rotated."""
    for exposure in glass.exposures.all():
        actions.rotated(exposure_id=exposure.pk, evidence=evidence, actor=by, now=now)


def close(glass: BreakGlass, by: Actor, *, now: datetime) -> BreakGlass:
    """Somebody closes it."""
    return actions.close(break_glass_id=glass.pk, reason="", actor=by, now=now)
