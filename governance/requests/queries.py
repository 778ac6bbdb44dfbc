"""What somebody may ask for, and what would follow if they did."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice, product
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.access.models import Account
from governance.access.queries import conferred_by
from governance.approvals.models import Question
from governance.approvals.moves import StepPlan
from governance.approvals.states import StepState
from governance.catalog.models import Entitlement
from governance.catalog.querysets import EntitlementQuerySet
from governance.catalog.states import HIGH_RISKS, CatalogState
from governance.core.actor import Actor, ActorKind
from governance.core.models import Governed
from governance.grants.models import Grant
from governance.grants.querysets import GrantQuerySet
from governance.grants.rules import in_words
from governance.grants.states import GrantState
from governance.identities.models import Identity, Team
from governance.identities.queries import answerable_for, owned_ids, same_human
from governance.identities.querysets import IdentityQuerySet
from governance.identities.states import MACHINE_KINDS, Kind
from governance.policy import criteria
from governance.policy.consequences import StepSpec
from governance.policy.queries import identity_facts
from governance.policy.states import CONSENTS, StepKind
from governance.purposes.models import Justification, Purpose
from governance.purposes.querysets import PurposeQuerySet
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.querysets import RequestQuerySet
from governance.requests.rules import Draft, a_kind
from governance.requests.states import ItemState

MOST_LOOKED_AT = 1000
"""Purposes whose criteria are tried for a choice of some dozens."""

OWN_WISH = "Whoever would be asked to consent has asked for it"


def beneficiaries(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """Whom the actor may ask for: themselves, their teammates, and the active machine identities they own.

    A machine identity asks for itself alone, whatever it is named the owner of (rule 10).
    """
    if actor.kind == ActorKind.MACHINE:
        return Identity.objects.active(now).filter(pk__in=actor.identity_ids)
    owned = owned_ids("identity", actor.identity_ids, now)
    machines = Q(pk__among=owned, kind__in=MACHINE_KINDS)
    return Identity.objects.active(now).filter(Q(pk=actor.identity_id) | machines | _of_team(actor)).order_by("name")


def teammates(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """People of the same manager as the actor, and those whom the actor manages."""
    return Identity.objects.active(now).filter(_of_team(actor)).order_by("name")


def _of_team(actor: Actor) -> Q:
    mine = actor.identity_ids
    managers = Identity.objects.filter(pk__in=mine, manager__isnull=False).values("manager")
    people = Q(manager__in=mine) | Q(manager__in=managers)
    return people & ~Q(kind__in=MACHINE_KINDS) & ~Q(pk__in=mine)


def purposes_for(entitlement_ids: Collection[UUID], now: datetime) -> "PurposeQuerySet[Purpose]":
    """Active purposes that may justify every one of the entitlements. Emergencies are for break-glass alone."""
    found = Purpose.objects.active(now).filter(emergency=False)
    for entitlement_id in entitlement_ids:
        found = found.justifying(entitlement_id)
    return found.order_by("reference")


def admitting(
    purposes: "PurposeQuerySet[Purpose]", holders: Collection[Identity], now: datetime, most: int
) -> list[Purpose]:
    """The first of the purposes, `most` of them, that are for each of the holders by their criteria."""
    facts = identity_facts(holders, now).values()
    fitting = (one for one in purposes[:MOST_LOOKED_AT] if all(criteria.admit(one.criteria, known) for known in facts))
    return list(islice(fitting, most))


def catalog_for(holders: Collection[Identity], words: str) -> "EntitlementQuerySet[Entitlement]":
    """What each holder's kind may hold, in systems where each has an account, matching the words; nothing for none."""
    found = Entitlement.objects.requestable() if holders else Entitlement.objects.none()
    for holder in holders:
        systems = Account.objects.filter(identity=holder).values("system")
        found = found.holdable_by(holder.kind).filter(system__in=systems)
    return found.matching(words).select_related("system").order_by("system__name", "name")


def open_under(
    catalog: "EntitlementQuerySet[Entitlement]",
    purpose: Purpose,
    holders: Collection[Identity],
    seen: "GrantQuerySet[Grant]",
    now: datetime,
) -> "EntitlementQuerySet[Entitlement]":
    """What of a catalog the purpose may justify, and none of the holders is seen to be leased for it at the moment."""
    justified = Justification.objects.filter(purpose=purpose, ended_at__isnull=True).values("entitlement")
    held = _leased([holder.pk for holder in holders], purpose.pk, now, now).filter(pk__in=seen.values("pk"))
    return catalog.filter(pk__in=justified).exclude(pk__in=held.values("entitlement"))


def closed_to(holder: Identity, entitlement_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Why the holder can't be leased what stands in no catalog of theirs, in words; what is unknown is left out."""
    missing = Entitlement.objects.filter(pk__in=entitlement_ids)
    missing = missing.exclude(pk__in=catalog_for([holder], "").values("pk")).select_related("system")
    return {row.pk: _closed(holder, row) for row in missing.order_by("system__name", "name")}


def _closed(holder: Identity, row: Entitlement) -> str:
    if row.state != CatalogState.ACTIVE or row.system.state != CatalogState.ACTIVE:
        return f"{row.name} is retired."
    if holder.kind not in row.allowed_kinds:
        return f"{row.name} is not open to {a_kind(holder.kind)}."
    return f"{holder} has no account on {row.system.name}, which {row.name} needs."


def _leased(
    identity_ids: Collection[UUID], purpose_id: UUID, begins: datetime, ends: datetime
) -> "GrantQuerySet[Grant]":
    """Leases of the identities for the purpose whose time meets the one from `begins` to `ends` (rule 6)."""
    found = Grant.objects.filter(identity__in=identity_ids, purpose=purpose_id, ends_at__gt=begins)
    return found.filter(Q(starts_at__lt=ends) | Q(starts_at__lte=begins)).exclude(state=GrantState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Seen:
    """What of others somebody may read: leases, and what has been asked for."""

    leases: "GrantQuerySet[Grant]"
    requests: "RequestQuerySet[AccessRequest]"


def moot(
    holders: Collection[Identity], entitlements: Collection[Entitlement], wish: Draft, seen: Seen, now: datetime
) -> Mapping[UUID, Mapping[UUID, str]]:
    """Why asking leads nowhere, by holder and entitlement: no account, asked for already, or leased then (rule 6).

    Which lease or request that is, and when, is told of what is seen alone. Of a lease that is not seen no other start
    finds the time: nothing is asked for beside it. What is said yes to so late that it meets a later lease all the same
    is refused then. Three queries.
    """
    ids, wanted = [holder.pk for holder in holders], [one.pk for one in entitlements]
    accounts = set(Account.objects.filter(identity__in=ids).values_list("identity", "system"))
    taken = {**_held(ids, wanted, wish, seen, now), **_asked(ids, wish, seen)}
    found: dict[UUID, dict[UUID, str]] = {pk: {} for pk in ids}
    for holder, one in product(holders, entitlements):
        place = (holder.pk, one.pk)
        if (holder.pk, one.system_id) not in accounts:
            found[holder.pk][one.pk] = f"{holder} has no account on {one.system}."
        elif place in taken:
            found[holder.pk][one.pk] = taken[place].format(one) if taken[place] else taken_already(one, holder)
    return found


def taken_already(entitlement: Entitlement, holder: Identity) -> str:
    """Why something can't be asked for, to whoever may not see what the holder has or has asked for."""
    return f"{entitlement} can't be asked for: {holder} has it, or has asked for it, already."


Taken = Mapping[tuple[UUID, UUID], str]
"""By holder and entitlement what stands in the way, where `{}` is to name the entitlement; empty for the unseen."""


def _held(ids: Collection[UUID], wanted: Collection[UUID], wish: Draft, seen: Seen, now: datetime) -> Taken:
    rows = Grant.objects.filter(identity__in=ids, entitlement__in=wanted, purpose=wish.purpose_id, ends_at__gt=now)
    rows = rows.exclude(state=GrantState.CANCELLED).annotate(seen=Exists(seen.leases.filter(pk=OuterRef("pk"))))
    meeting = _leased(ids, wish.purpose_id, wish.begins(now), wish.latest_end(now))
    return {
        (one.identity_id, one.entitlement_id): _lease_in_words(one, now) if one.seen else ""
        for one in rows.filter(Q(seen=False) | Q(pk__in=meeting.values("pk"))).order_by("seen", "-starts_at")
    }


def _lease_in_words(lease: Grant, now: datetime) -> str:
    return f"{lease} already leases {{}} for this purpose {in_words(lease.starts_at, lease.ends_at, now)}."


def _asked(identity_ids: Collection[UUID], wish: Draft, seen: Seen) -> Taken:
    """What open requests ask for already."""
    rows = RequestItem.objects.filter(
        state=ItemState.PENDING, request__beneficiary__in=identity_ids, request__purpose=wish.purpose_id
    ).select_related("request")
    rows = rows.annotate(seen=Exists(seen.requests.filter(pk=OuterRef("request"))))
    return {
        (one.request.beneficiary_id, one.entitlement_id): f"{one.request} already asks for {{}} for this purpose."
        if one.seen
        else ""
        for one in rows.order_by("seen")
    }


def open_questions(request: AccessRequest) -> "QuerySet[Question]":
    """Questions of approvers that wait for an answer of the request."""
    return _waiting().filter(step__route__subject_id__in=request.items.values("pk"))


def questions_about(item_ids: Collection[UUID]) -> "QuerySet[Question]":
    """Questions of approvers that wait for an answer about the items, oldest first, with their routes and askers."""
    asked = _waiting().filter(step__route__subject_id__in=item_ids).select_related("asked_by", "step__route")
    return asked.order_by("asked_at")


def _waiting() -> "QuerySet[Question]":
    waiting = Question.objects.filter(answered_at__isnull=True, step__state=StepState.RETURNED)
    return waiting.filter(step__route__subject_kind=RequestItem.NOUN)


@dataclass(frozen=True, slots=True)
class Wish:
    """One item as its route sees it: who asks for whom, what for, for which purpose."""

    requester: Identity
    beneficiary: Identity
    entitlement: Entitlement
    purpose: Purpose


def plan(step: StepSpec, wish: Wish, now: datetime) -> StepPlan:
    """Whose decision a step asks for. A consent is not asked of whoever could give it and asks for it themselves.

    What a machine identity or an external asks for itself is no consent of those who answer for it.
    """
    found = _plan(step, wish)
    if step.kind not in CONSENTS:
        return found
    who = wish.beneficiary
    answering = answerable_for(who.pk, now) | (same_human([who.pk]) if who.kind == Kind.PERSON else frozenset())
    return replace(found, skip=OWN_WISH) if wish.requester.pk in answering else found


def _plan(step: StepSpec, wish: Wish) -> StepPlan:
    beneficiary, entitlement = wish.beneficiary, wish.entitlement
    match step.kind:
        case StepKind.MANAGER:
            found = _about("identity", beneficiary, step)
            return replace(found, target_label=f"the owner of {beneficiary}") if beneficiary.is_machine else found
        case StepKind.ENTITLEMENT_OWNER:
            return _about("entitlement", entitlement, step)
        case StepKind.SYSTEM_OWNER:
            return _about("system", entitlement.system, step)
        case StepKind.PURPOSE_OWNER:
            return _about("purpose", wish.purpose, step)
        case StepKind.TEAM:
            team = Team.objects.filter(key=step.team).first()
            return _about("team", team, step) if team else _about("identity", beneficiary, step)
        case _:
            return _about("identity", beneficiary, step)


def parties(requester_id: UUID, beneficiary_id: UUID, now: datetime) -> frozenset[UUID]:
    """Whose own access it is: requester, beneficiary and its owners, with all identities of those humans (rule 2)."""
    return same_human({requester_id, beneficiary_id}) | answerable_for(beneficiary_id, now)


def sensitive(item_ids: Collection[UUID]) -> frozenset[UUID]:
    """Items a yes to which takes a fresh sign-in and is given alone; three queries at most.

    Those that bring anything of high or critical risk, themselves or by what they confer, as the catalog has it now;
    and whatever a machine identity asks for: no token makes a fresh sign-in, so no program approves it (rule 10).
    """
    rows = RequestItem.objects.filter(pk__in=item_ids).values_list("pk", "entitlement", "request__requester__kind")
    items = {pk: (what, kind in MACHINE_KINDS) for pk, what, kind in rows}
    brings = conferred_by({what for what, _ in items.values()})
    risky = Entitlement.objects.filter(pk__in={pk for reached in brings.values() for pk in reached})
    high = frozenset(risky.filter(risk__in=HIGH_RISKS).values_list("pk", flat=True))
    return frozenset(pk for pk, (what, by_machine) in items.items() if by_machine or high & brings[what].keys())


def _about(target_kind: str, target: Governed, step: StepSpec) -> StepPlan:
    return StepPlan(
        kind=step.kind,
        required=step.required,
        everyone=step.everyone,
        stage=step.place[0],
        counts=step.counts,
        skip_repeat=step.skip_repeat,
        target_kind=target_kind,
        target_id=target.pk,
        target_label=str(target)[:300],
    )


def questions_for(identity_ids: Collection[UUID]) -> "QuerySet[Question]":
    """Questions of approvers that wait for an answer of one of the identities, with their route."""
    items = RequestItem.objects.filter(request__requester__in=identity_ids).values("pk")
    return _waiting().filter(step__route__subject_id__in=items).select_related("step__route")
