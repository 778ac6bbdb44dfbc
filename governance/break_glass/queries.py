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
from governance.break_glass.rules import waiting_mark
from governance.break_glass.states import GlassState
from governance.catalog.models import Entitlement
from governance.catalog.querysets import EntitlementQuerySet
from governance.core.actor import Role
from governance.grants.queries import PORTAL_SYSTEM, role_holders
from governance.identities.models import Identity
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM, answerable_for, members, owners, same_human
from governance.notifications.models import Notification
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


def watching(holder_id: UUID, now: datetime) -> frozenset[UUID]:
    """Security, by team or by role; the governance team where nobody of security acts but the holder (rule 15)."""
    own = same_human([holder_id])
    return (_security(now) - own) or (_people(GOVERNANCE_TEAM, now) - own)


def _security(now: datetime) -> frozenset[UUID]:
    """The team, and those who hold the portal's role: they alone can stop it."""
    return _people(SECURITY_TEAM, now) | role_holders(Role.SECURITY, now)


def _people(team: str, now: datetime) -> frozenset[UUID]:
    return frozenset(one.pk for one in members(team, now) if not one.is_machine)


def parties(glass: BreakGlass, now: datetime) -> frozenset[UUID]:
    """Who had a part in it: the holder, whoever answers for them, and all who broke the glass beside them.

    That is for the same incident, or meanwhile for the same emergency, however they wrote the incident. With all
    identities of those humans.
    """
    grant = glass.grant
    meanwhile = Q(grant__purpose=grant.purpose_id, taken_at__lt=grant.ends_at, grant__ends_at__gt=glass.taken_at)
    beside = BreakGlass.objects.filter(Q(incident__iexact=glass.incident) | meanwhile).values_list("holder", flat=True)
    return same_human([glass.holder_id, *beside]) | answerable_for(glass.holder_id, now)


def reviewers(glass: BreakGlass, now: datetime) -> frozenset[UUID]:
    """Who may review it: owners, security and the governance team, and nobody who had a part in it (rules 11, 16)."""
    able = answering(glass.grant.entitlement, glass.grant.purpose_id, now)
    return (able | _people(SECURITY_TEAM, now) | _people(GOVERNANCE_TEAM, now)) - parties(glass, now)


def able_to_review(glass: BreakGlass, now: datetime) -> frozenset[UUID]:
    """Those, and whoever holds the portal's role Security: their session may have to claim it as well."""
    return reviewers(glass, now) | (role_holders(Role.SECURITY, now) - parties(glass, now))


def administrators(now: datetime) -> frozenset[UUID]:
    """Who hears that nobody is left to review: they give others the part of security or governance (rule 15)."""
    return role_holders(Role.ADMINISTRATOR, now)


def without_reviewer(now: datetime) -> int:
    """How much has ended, is not closed, and can be reviewed or closed by nobody."""
    rows = BreakGlass.objects.unclosed(now).with_names()
    return sum(not able_to_review(glass, now) for glass in rows)


def to_remind(now: datetime) -> list[UUID]:
    """What has ended, is not closed, and is to be told of, the oldest first; a constant number of queries.

    Left out is what somebody has been told of for now: those told as it happened, security, governance, administrators.
    """
    rows = list(BreakGlass.objects.unclosed(now).select_related("grant").order_by("taken_at"))
    if not rows:
        return []
    people = {pk for glass in rows for pk in glass.told} | _security(now) | _people(GOVERNANCE_TEAM, now)
    marks = {glass.pk: waiting_mark(glass.pk, glass.due_at, now) for glass in rows}
    said = Notification.objects.filter(recipient__in=people | administrators(now), once__in=marks.values())
    known = frozenset(said.values_list("once", flat=True))
    return [pk for pk, mark in marks.items() if mark not in known]


def unreviewed(holder_id: UUID, entitlement_id: UUID) -> "GlassQuerySet[BreakGlass]":
    """What a human has taken of the entitlement before, by any identity, and nobody has reviewed yet."""
    taken = BreakGlass.objects.filter(holder__in=same_human([holder_id]), grant__entitlement=entitlement_id)
    return taken.filter(state=GlassState.OPEN).order_by("number")


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
