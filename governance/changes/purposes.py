"""Proposing a purpose, and changing one. A second person decides on what widens what may rest on it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from governance.approvals.moves import StepPlan
from governance.catalog.rules import needs_second_person
from governance.changes.kinds import ChangeKind, Field, Proposing, changed
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER, STANDING, WAITING
from governance.identities.models import Identity, Team
from governance.identities.queries import GOVERNANCE_TEAM, owners_of
from governance.identities.states import Kind
from governance.policy import criteria
from governance.policy.states import StepKind
from governance.policy.words import minute
from governance.purposes import moves, permissions, rules
from governance.purposes.models import Justification, Purpose
from governance.purposes.rules import moment
from governance.purposes.states import PurposeState


def minute_of(value: Any) -> str:
    """A plain moment in words."""
    at = moment(value)
    return minute(at) if at else "–"


def owner_name(value: Any) -> str:
    """Whose id it is."""
    return Identity.objects.filter(pk=value).values_list("name", flat=True).first() or str(value)


def lines(value: Any) -> str:
    """A line each."""
    return "\n".join(value) or "–"


EDITABLE: Mapping[str, Field] = {
    "name": Field("Name"),
    "description": Field("Description"),
    "ends_at": Field("Ends", minute_of),
    "review_at": Field("Review", minute_of),
    "entitlements": Field("May justify", lines),
    "criteria": Field("For whom"),
}


def owner_step(purpose: Purpose) -> StepPlan:
    """The decision of whoever answers for the purpose."""
    return StepPlan(StepKind.PURPOSE_OWNER, Purpose.NOUN, purpose.pk, str(purpose)[:300])


def governance_step(thing: Governed) -> StepPlan:
    """A second person's decision: of the governance team."""
    team = Team.objects.filter(key=GOVERNANCE_TEAM).first()
    if team is None:
        return StepPlan(StepKind.OWNER, thing.NOUN, thing.pk, str(thing)[:300], stage=2)
    return StepPlan(StepKind.TEAM, team.NOUN, team.pk, str(team)[:300], stage=2)


class _PurposeKind(ChangeKind):
    """What both have in common."""

    subject_kind = Purpose.NOUN

    def lock(self, subject_id: UUID) -> None:
        """The purpose, against whoever would let something rest on it meanwhile."""
        locked_all(Purpose.objects.filter(pk=subject_id))

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """As it is."""
        return moves.values(Purpose.objects.get(pk=subject_id))


class PurposeNew(_PurposeKind):
    """A new purpose: its owner and the governance team decide; for an owner who proposes it, the team alone."""

    name = "purpose.new"
    title = "A new purpose"
    fields = {"name": EDITABLE["name"], "owner": Field("Owner", owner_name), **dict(list(EDITABLE.items())[1:])}

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Purpose:
        """None: what is new is not there yet."""
        raise Invalid({"subject_id": "A new purpose is not there yet: leave this out."})

    def create(self, payload: Mapping[str, Any], by: Proposing) -> Purpose:
        """The purpose as proposed, owned by whoever is to answer for it."""
        given = {name: value for name, value in payload.items() if name != "owner"}
        owner = chosen_owner(payload, by)
        return moves.propose(given, owner, actor=by.actor, why=by.reason, now=by.now)

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Nothing: it was not there before."""
        return {}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What it was made of, all fields; looked at again when it is decided: an end may have come."""
        purpose = Purpose.objects.get(pk=subject_id)
        current = moves.values(purpose)
        moves.checked(moves.BLANK, current, now)
        _require_criteria(current)
        owner = owners_of(Purpose.NOUN, subject_id, now)
        return {"name": current["name"], "owner": str(owner[0].pk) if owner else None, **current}

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """The owner and the governance team. An owner who proposes it has said yes: then the team alone."""
        purpose = Purpose.objects.get(pk=subject.pk)
        team = governance_step(purpose)
        return [team] if payload["owner"] == str(by.proposer.pk) else [owner_step(purpose), team]

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Let access rest on it."""
        purpose = Purpose.objects.get(pk=change.subject_id)
        moves.activate(purpose, actor=actor, why=change.reason, now=now)

    def refused(self, change: ProposedChange, *, actor: Actor, why: str, now: datetime) -> None:
        """It never becomes one."""
        purpose = Purpose.objects.get(pk=change.subject_id)
        moves.reject(purpose, actor=actor, why=why, now=now)


def chosen_owner(payload: Mapping[str, Any], by: Proposing) -> Identity:
    """Who is to answer for it: an active person, the proposer unless somebody else is named."""
    wanted = payload.get("owner") or str(by.proposer.pk)
    try:
        owner = Identity.objects.active(by.now).filter(pk=UUID(str(wanted)), kind=Kind.PERSON).first()
    except ValueError:
        owner = None
    if owner is None:
        raise Invalid({"owner": "It is owned by an active person."})
    return owner


class PurposeEdit(_PurposeKind):
    """Other words, times or scope for a purpose that is active."""

    name = "purpose.edit"
    title = "Edit a purpose"
    fields = EDITABLE

    def lock(self, subject_id: UUID) -> None:
        """The purpose with its scope."""
        super().lock(subject_id)
        locked_all(Justification.objects.filter(purpose=subject_id, ended_at__isnull=True))

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Purpose:
        """Whoever sees it may propose: its owner decides."""
        found = permissions.visible(actor, now).filter(pk=subject_id).first()
        if found is None:
            raise NotFound
        if found.state != PurposeState.ACTIVE:
            raise Conflict(f"{found} is {found.get_state_display().lower()}: nothing of it changes.")
        return found

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What would change. A scope is not narrowed under what rests on it."""
        current = self.current(subject_id)
        found = changed(current, moves.checked(current, payload, now))
        _require_criteria(found)
        lost = set(current["entitlements"]) - set(found.get("entitlements", current["entitlements"]))
        if problem := narrowing_problem(subject_id, lost):
            raise Invalid({"entitlements": problem})
        if problem := excluding_problem(subject_id, found.get("criteria", ""), now):
            raise Invalid({"criteria": problem})
        return found

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """The owner; and the governance team where it is to last longer, or to justify what is risky."""
        purpose = Purpose.objects.get(pk=subject.pk)
        first = owner_step(purpose)
        return [first, governance_step(purpose)] if _widens(purpose, payload) else [first]

    def lock_rest(self, change: ProposedChange) -> None:
        """The leases that an earlier end shortens, and the change."""
        if change.payload.keys() & {"ends_at", "review_at"}:
            locked_all(Grant.objects.filter(purpose=change.subject_id).exclude(state__in=OVER))
        super().lock_rest(change)

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Edit it, and shorten what would outlast it (rule 1)."""
        purpose = Purpose.objects.get(pk=change.subject_id)
        if purpose.state != PurposeState.ACTIVE:
            raise Conflict(f"{purpose} is {purpose.get_state_display().lower()}.")
        edit(purpose, change.payload, actor=actor, why=change.reason, now=now)


def edit(purpose: Purpose, wanted: Mapping[str, Any], *, actor: Actor, why: str, now: datetime) -> None:
    """Edit a purpose, held with its scope and its leases, and shorten what would outlast it (rule 1)."""
    moves.edit(purpose, wanted, actor=actor, why=why, now=now)
    until = min(limit for limit in (purpose.ends_at, purpose.review_at) if limit is not None)
    outlasting = Grant.objects.filter(purpose=purpose, state__in=[*STANDING, *WAITING], ends_at__gt=until)
    why = f"{purpose} ends or is reviewed {minute(until)}"
    grants.shorten(list(outlasting), lambda _: until, actor=actor, why=why, now=now)


def narrowing_problem(purpose_id: UUID, keys: Collection[str]) -> str:
    """Why a purpose can't cease to justify the entitlements: no scope is narrowed under a lease. Empty where it can."""
    leases = _leases(purpose_id, keys)
    named = ", ".join(map(str, leases[:3]))
    return f"{named} still rests on what would be left out. End that first." if leases else ""


def problems(values: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """What is wrong with a purpose's plain values, by field; all fields are there. Empty when nothing is."""
    found = rules.problems(values, now)
    if "criteria" not in found and (problem := criteria.problem(values["criteria"])):
        found["criteria"] = problem
    return found


def _require_criteria(values: Mapping[str, Any]) -> None:
    if problem := criteria.problem(values.get("criteria", "")):
        raise Invalid({"criteria": problem})


def excluding_problem(purpose_id: UUID, wanted: str, now: datetime) -> str:
    """Why a purpose can't be for those alone of whom the criteria are true: somebody else holds a lease on it."""
    if not wanted:
        return ""
    leases = Grant.objects.filter(purpose=purpose_id).exclude(state__in=OVER)
    holders = Identity.objects.filter(pk__in=leases.values("identity"))
    names = tuple(dict.fromkeys(("identity.id", *criteria.facts_named(wanted))))
    for values in criteria.combinations(holders, names, now):
        if not criteria.holds(wanted, values):
            lease = leases.filter(identity=values["identity.id"]).order_by("number")[0]
            return f"{lease} of {lease.identity.name} rests on it, who would be left out. End that first."
    return ""


def _leases(purpose_id: UUID, keys: Collection[str]) -> list[Grant]:
    """What stands or waits on the purpose for the entitlements."""
    wanted = Q(pk__in=[])
    for key in keys:
        system, _, entitlement = key.partition("/")
        wanted |= Q(entitlement__system__key=system, entitlement__key=entitlement)
    return list(Grant.objects.filter(wanted, purpose=purpose_id).exclude(state__in=OVER).order_by("number"))


def _widens(purpose: Purpose, payload: Mapping[str, Any]) -> bool:
    """Whether it lasts longer than before, is for others, or justifies something risky that it did not."""
    before = moves.values(purpose)
    if before["criteria"] and payload.get("criteria", before["criteria"]) != before["criteria"]:
        return True
    for name in ("ends_at", "review_at"):
        if name in payload and before[name] and (payload[name] is None or payload[name] > before[name]):
            return True
    added = set(payload.get("entitlements", ())) - set(before["entitlements"])
    rows = moves.entitlements_by_key(added).values()
    return needs_second_person(*({"risk": one.risk, "privileged": one.privileged} for one in rows))
