"""What may be taken at once, who is to hear of it, who reviews it, and how often it happens."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q

from governance.approvals.queries import foresee
from governance.break_glass.models import BreakGlass
from governance.break_glass.querysets import GlassQuerySet
from governance.catalog.models import Entitlement
from governance.catalog.querysets import EntitlementQuerySet
from governance.grants.queries import PORTAL_SYSTEM
from governance.identities.models import Identity
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM, answerable_for, members, owners, same_human
from governance.policy.states import StepKind
from governance.policy.verdicts import Verdict
from governance.purposes.models import Justification, Purpose
from governance.purposes.querysets import PurposeQuerySet
from governance.requests import queries as requests


def emergencies(now: datetime) -> "PurposeQuerySet[Purpose]":
    """The emergencies for which the glass can be broken now."""
    return Purpose.objects.active(now).filter(emergency=True).order_by("reference")


def within_reach(holder: Identity, now: datetime) -> "EntitlementQuerySet[Entitlement]":
    """What an emergency may justify to the holder. The portal's own roles always have their approver (rule 17)."""
    justified = Justification.objects.filter(purpose__in=emergencies(now).values("pk"), ended_at__isnull=True)
    mine = requests.catalog_for([holder], "").exclude(system__key=PORTAL_SYSTEM)
    return mine.filter(pk__in=justified.values("entitlement"))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that ordinary access would take, and whom it would ask."""

    step: str
    identity_ids: tuple[UUID, ...]
    names: tuple[str, ...]

    def kept(self) -> dict[str, Any]:
        """As the record keeps it."""
        return {"step": self.step, "asked": list(self.names)}


def skipped(verdict: Verdict, wish: requests.Wish, now: datetime) -> list[Skipped]:
    """Whom policy would have asked first, step by step; a consent that is one's own wish is nobody's to give."""
    plans = [plan for plan in (requests.plan(step, wish, now) for step in verdict.steps) if not plan.skip]
    parties = requests.parties(wish.requester.pk, wish.beneficiary.pk, now)
    asked = [tuple(one.identity_id for one in step) for step in foresee(plans, parties, now)]
    people = Identity.objects.in_bulk({pk for ids in asked for pk in ids})
    return [
        Skipped(str(StepKind(plan.kind).label), ids, tuple(people[pk].name for pk in ids))
        for plan, ids in zip(plans, asked, strict=True)
    ]


def answering(entitlement: Entitlement, purpose_id: UUID, now: datetime) -> frozenset[UUID]:
    """The people who own the entitlement, its system or the emergency, in any role."""
    things = [("entitlement", entitlement.pk), ("system", entitlement.system_id), ("purpose", purpose_id)]
    found = owners(things, now).values()
    return frozenset(one.pk for roles in found for people in roles.values() for one in people if not one.is_machine)


def watching(now: datetime) -> frozenset[UUID]:
    """Security; the governance team where nobody of security acts (rule 15)."""
    return _people(SECURITY_TEAM, now) or _people(GOVERNANCE_TEAM, now)


def _people(team: str, now: datetime) -> frozenset[UUID]:
    return frozenset(one.pk for one in members(team, now) if not one.is_machine)


def parties(glass: BreakGlass, now: datetime) -> frozenset[UUID]:
    """Who had a part in it: the holder, whoever answers for them, all who broke the glass for the same incident.

    With all identities of those humans.
    """
    beside = BreakGlass.objects.filter(incident__iexact=glass.incident).values_list("holder", flat=True)
    return same_human([glass.holder_id, *beside]) | answerable_for(glass.holder_id, now)


def reviewers(glass: BreakGlass, now: datetime) -> frozenset[UUID]:
    """Who may review it: owners, security and the governance team, and nobody who had a part in it (rules 11, 16)."""
    able = answering(glass.grant.entitlement, glass.grant.purpose_id, now)
    return (able | watching(now) | _people(GOVERNANCE_TEAM, now)) - parties(glass, now)


def of_whom_it_concerns(identity_ids: Collection[UUID], now: datetime, *, watches: bool) -> "GlassQuerySet[BreakGlass]":
    """What stands now and somebody is to have before their eyes: their own; everything for whoever watches."""
    live = BreakGlass.objects.live(now).with_names().order_by("grant__ends_at")
    return live if watches else live.filter(holder__in=identity_ids)


# How often ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Often:
    """How often the glass was broken by a person, in a system or for an emergency; how many still wait to be closed."""

    id: UUID
    name: str
    count: int
    waiting: int


BY: Final[Mapping[str, tuple[str, str]]] = {
    "person": ("holder__human", "holder__human__name"),
    "system": ("grant__entitlement__system", "grant__entitlement__system__name"),
    "purpose": ("grant__purpose", "grant__purpose__reference"),
}
"""What is counted by, and what each is called. A person's identities count as one."""


def frequency(seen: "GlassQuerySet[BreakGlass]", since: datetime, until: datetime) -> Mapping[str, list[Often]]:
    """How often the glass was broken in `[since, until)`, the most often first; a query for each of `BY`."""
    within = seen.filter(taken_at__gte=since, taken_at__lt=until).order_by()
    return {by: _counted(within, *fields) for by, fields in BY.items()}


def _counted(within: "GlassQuerySet[BreakGlass]", key: str, name: str) -> list[Often]:
    rows = within.values(key, name).annotate(times=Count("pk"), waiting=Count("pk", ~Q(state="closed")))
    return [Often(row[key], row[name], row["times"], row["waiting"]) for row in rows.order_by("-times", name)]
