"""Whom a step asks, resolved live from owners, managers and teams (rule 16)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, Min, QuerySet

from governance.approvals.changers import changers
from governance.approvals.handing_on import BROUGHT_IN, brought_in, counting, handed_on, named, with_takers
from governance.approvals.models import ApprovalRoute, ApprovalStep, Decision, DecisionFile, Delegation
from governance.approvals.rules import Asked, Candidates, Place, choose, stand_in
from governance.approvals.states import YES, Verdict
from governance.core.subjects import Span, decidable
from governance.identities.models import Identity, Team
from governance.identities.queries import (
    GOVERNANCE_TEAM,
    SECURITY_TEAM,
    accountable_owner,
    members,
    owners,
    same_human,
)
from governance.identities.querysets import acts
from governance.identities.states import Kind, OwnerRole, Status
from governance.policy.states import CONSENTS, StepKind


def resolve(step: ApprovalStep, now: datetime) -> tuple[Asked, ...]:
    """Who is to be asked for the step now: eligible people only, by the first choice or its fallbacks.

    Whoever has said yes to it already, or had it said for them, is asked no more. Where everyone must, the others of
    the same choice stay asked, and nobody comes in for them unless all of them are fewer than must say yes.
    `handing_on` says who is asked in somebody's place, and who besides. Who has delegated is asked as whoever stands in
    for them, where both are eligible. Who is on leave answers by them alone, or by whom they handed the step.
    """
    said_yes, handed = _yeses(step), handed_on(step)
    done, out = same_human(_deciders(said_yes)), excluded(step, now)
    away = _represented(step, out | done, now) | {one.giver_id for one in handed}
    chain = with_takers(_chain(step, away, now), handed, step, now)
    left = tuple(asked for asked in choose(chain, out) if asked.identity_id not in done)
    if not step.everyone or not (left or said_yes.count() >= step.required):
        left = choose(chain, out | done)
        left = (*left, *brought_in(step, chain, left, out | done, now))
    return stand_in(named(left, handed), _delegates(left, step, now), out | done)


def _delegates(asked: Iterable[Asked], step: Place, now: datetime) -> Mapping[UUID, UUID]:
    """Who stands in for each of them in the step now, of those who count. What names its kind goes before the rest.

    All identities of a human are delegated for together, as they count as one.
    """
    return _standing_in(step, now, **{f"{WHOSE}__in": {one.identity_id for one in asked}})


def _represented(step: Place, barred: Collection[UUID], now: datetime) -> frozenset[UUID]:
    """Who is on leave and has somebody decide in their place who may: nobody else answers without acting."""
    found = _standing_in(step, now, **{f"{WHOSE}__state": Status.ON_LEAVE})
    return frozenset(whom for whom, delegate in found.items() if delegate not in barred)


WHOSE: Final = "delegator__human__identities"


def _standing_in(step: Place, now: datetime, **whose: Any) -> Mapping[UUID, UUID]:
    if step.kind in CONSENTS:
        return {}
    rows = Delegation.objects.filter(acts(now, "delegate__"), kind__in=["", step.kind], **whose)
    found = dict(rows.at(now).order_by("kind").values_list(WHOSE, "delegate"))
    eligible = counting(found.values(), step, now)
    return {whom: delegate for whom, delegate in found.items() if delegate in eligible}


def repeats(step: ApprovalStep, now: datetime) -> str:
    """Why a step that may be skipped is: all whom it would ask have approved another one. Empty where it is asked.

    Only where the step asks for one of them, none is a fallback, and each has decided by themselves.
    """
    if not step.skip_repeat or step.required > 1 or step.everyone or step.consents or _yeses(step).exists():
        return ""
    barred = _barred(step, now)
    first = choose(_chain(step, _represented(step, barred, now), now), barred)
    by_themselves = _others(step).filter(decider__isnull=False, on_behalf_of__isnull=True)
    done = same_human(_deciders(by_themselves))
    if not first or any(one.fallback or one.identity_id not in done for one in first):
        return ""
    names = Identity.objects.filter(pk__in=[one.identity_id for one in first]).order_by("name")
    return f"Approved another step already: {', '.join(names.values_list('name', flat=True))}"


def excluded(step: ApprovalStep, now: datetime) -> frozenset[UUID]:
    """Identities that may not decide: parties to the subject, who approved another step, who changed the route.

    A consent is asked of a party, that is what it is for.
    """
    barred = _barred(step, now)
    return barred if step.consents else barred | same_human(_deciders(_others(step)))


def _barred(step: ApprovalStep, now: datetime) -> frozenset[UUID]:
    """Who may decide nothing on the route: parties to the subject, but for a consent, and who changed the route."""
    route = step.route
    parties = () if step.consents else decidable(route.subject_kind).parties(route.subject_id, now)
    return same_human([*parties, *changers(route)])


def _others(step: ApprovalStep) -> "QuerySet[Decision]":
    """The approvals of the route's other steps."""
    return Decision.objects.filter(step__route=step.route, verdict=Verdict.APPROVE).exclude(step=step)


def shortened(subject_kind: str, subject_id: UUID) -> Span | None:
    """The least that those who said yes allow of what was asked; None where all of it is."""
    yes = Decision.objects.filter(subject_kind=subject_kind, subject_id=subject_id, verdict__in=YES)
    least = yes.aggregate(term=Min("term"), until=Min("until"))
    return Span(**least) if any(least.values()) else None


def allowed(route: ApprovalRoute) -> Span | None:
    """How long a yes allows what the route is about as things are now; None where nothing can be shortened."""
    asked = decidable(route.subject_kind).span(route.subject_id)
    less = asked and shortened(route.subject_kind, route.subject_id)
    return replace(less, starts_at=asked.starts_at) if asked and less else asked


def files_of(route_id: UUID) -> "QuerySet[DecisionFile]":
    """The files that the decisions on a route rest on: who sees one of its steps reads those of all of them."""
    return DecisionFile.objects.filter(decision__step__route=route_id)


def stays(step: ApprovalStep) -> str:
    """Why a step is handed to nobody at all, in words; empty when it may be."""
    if step.consents:
        return "A consent is nobody else's to give."
    if step.kind in {StepKind.SECURITY, StepKind.TEAM}:
        return "A team is asked: others of it decide."
    return ""


def cannot_give(step: ApprovalStep, giver: Asked) -> str:
    """Why somebody who is asked can't hand an open step on, in words; empty when they can."""
    if giver.on_behalf_of:
        return "What one decides in another's place is not passed on."
    if giver.via == BROUGHT_IN:
        return "Whoever is brought in besides decides it, or leaves it to those who are asked."
    return stays(step)


def cannot_take(step: ApprovalStep, taker: Identity, now: datetime) -> str:
    """Why somebody can't be handed an open step, in words; empty when they can."""
    if not taker.decides(now):
        return f"{taker} can't be asked: only active people decide."
    if same_human([taker.pk]) & {one.identity_id for one in resolve(step, now)}:
        return f"{taker} is asked already."
    if taker.pk in same_human(_deciders(_yeses(step))):
        return f"{taker} has said yes to it already."
    if not counting([taker.pk], step, now):
        return f"{taker} does not meet what the step asks of whoever decides it."
    if taker.pk in excluded(step, now):
        return f"{taker} may not decide this: it is their own, or they have had a hand in it already."
    return ""


REMINDER_TERM: Final = timedelta(days=1)
"""How long somebody is left in peace: since their step opened, and between two reminders."""


def remindable_from(route: ApprovalRoute) -> datetime | None:
    """From when on whoever asked may remind those who are asked; None where nobody is asked to decide."""
    opened: datetime | None = route.steps.open().aggregate(last=Max("opened_at"))["last"]
    return opened and max(opened, route.reminded_at or opened) + REMINDER_TERM


def _yeses(step: ApprovalStep) -> "QuerySet[Decision]":
    return Decision.objects.filter(step=step, verdict__in=YES)


def _deciders(decisions: "QuerySet[Decision]") -> list[UUID]:
    """Whoever decided, and in whose place: both have had their say."""
    named = decisions.filter(decider__isnull=False).values_list("decider", "on_behalf_of")
    return [one for pair in named for one in filter(None, pair)]


def is_satisfied(step: ApprovalStep, now: datetime) -> bool:
    """Whether as many as must have said yes to the step; where everyone must, nobody is left to ask either."""
    return _yeses(step).count() >= step.required and not (step.everyone and resolve(step, now))


def foresee(places: Iterable[Place], parties: Iterable[UUID], now: datetime) -> list[tuple[Asked, ...]]:
    """Whom steps would ask if they were opened one after another now, each decided by whoever is asked alone.

    For a step that would be skipped it is whoever has approved another one by then.
    """
    own = out = frozenset(parties)
    found = []
    for place in places:
        barred = frozenset[UUID]() if place.kind in CONSENTS else out
        chain = _chain(place, _represented(place, barred, now), now)
        first = choose(chain, barred)
        again = choose(chain, own) if place.skip_repeat else ()
        if again and all(one.identity_id in out and not one.fallback for one in again):
            first, barred = again, own
        asked = stand_in(first, _delegates(first, place, now), barred)
        found.append(asked)
        if len(asked) == 1:
            out |= same_human(_people(asked))
    return found


def _people(asked: Collection[Asked]) -> list[UUID]:
    """Who is asked, and in whose place."""
    return [pk for one in asked for pk in (one.identity_id, one.on_behalf_of) if pk is not None]


def _chain(step: Place, away: Collection[UUID], now: datetime) -> list[Candidates]:
    match step.kind:
        case StepKind.SECURITY:
            first = [Candidates("Security", _ids(members(SECURITY_TEAM, now), now), fallback=False)]
        case StepKind.MANAGER:
            first = _managers(step, away, now)
        case StepKind.TEAM:
            first = [Candidates(f"Team {step.target_label}", _ids(_team(step.target_id, now), now), fallback=False)]
        case StepKind.IDENTITY_OWNER:
            return _consenting(step, now)
        case _:
            first = _owners(step, away, now)
    if step.counts:
        first = [replace(one, identity_ids=_those(one, step, now)) for one in first]
    governance = Candidates("Governance team", _ids(members(GOVERNANCE_TEAM, now), now), fallback=True)
    return [*first, governance]


def _those(candidates: Candidates, step: Place, now: datetime) -> tuple[UUID, ...]:
    """Those of the candidates who count, in their order."""
    those = counting(candidates.identity_ids, step, now)
    return tuple(pk for pk in candidates.identity_ids if pk in those)


def _managers(step: Place, away: Collection[UUID], now: datetime) -> list[Candidates]:
    """The manager of the person the step is about, or of whoever owns the machine identity now; then the one above."""
    person = Identity.objects.select_related("manager__manager").get(pk=step.target_id)
    if person.is_machine:
        person = accountable_owner(Identity.NOUN, person.pk, now) or person
    manager = person.manager
    above = manager.manager if manager else None
    return [
        Candidates(f"Manager of {person}", _ids([manager], now, away), fallback=False),
        Candidates(f"Manager of {manager}", _ids([above], now, away), fallback=True),
    ]


def _team(team_id: UUID, now: datetime) -> list[Identity]:
    key = Team.objects.filter(pk=team_id).values_list("key", flat=True).first()
    return members(key, now) if key else []


def _consenting(step: Place, now: datetime) -> list[Candidates]:
    """Who answers for the identity; a person for themselves. Nobody else can consent in their place."""
    identity = Identity.objects.get(pk=step.target_id)
    if identity.kind == Kind.PERSON:
        return [Candidates("Whose access it would be", _ids([identity], now), fallback=False)]
    return _owners(step, (), now)


def _owners(step: Place, away: Collection[UUID], now: datetime) -> list[Candidates]:
    roles = owners([(step.target_kind, step.target_id)], now, away)[step.target_kind, step.target_id]
    label = step.target_label
    return [
        Candidates(f"Owner of {label}", _ids(roles.get(OwnerRole.OWNER, []), now, away), fallback=False),
        Candidates(f"Backup owner of {label}", _ids(roles.get(OwnerRole.BACKUP_OWNER, []), now, away), fallback=True),
    ]


def _ids(people: Iterable[Identity | None], now: datetime, away: Collection[UUID] = ()) -> tuple[UUID, ...]:
    """Those who act, or are `away` on leave. What a machine identity owns, or is in the team of, it never decides."""
    there = (one for one in people if one is not None)
    return tuple(one.pk for one in there if one.decides(now) or (one.pk in away and one.is_away(now)))
