"""What somebody may ask for, and what would follow if they did."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.access.models import Account
from governance.approvals.models import Question
from governance.approvals.moves import StepPlan
from governance.approvals.states import StepState
from governance.catalog.models import Entitlement
from governance.catalog.querysets import EntitlementQuerySet
from governance.core.actor import Actor, ActorKind
from governance.core.models import Governed
from governance.identities.models import Identity, Team
from governance.identities.queries import accountable_owner, answerable_for, owned_ids, same_human
from governance.identities.querysets import IdentityQuerySet
from governance.identities.states import MACHINE_KINDS, Kind
from governance.policy.consequences import StepSpec
from governance.policy.states import CONSENTS, StepKind
from governance.purposes.models import Purpose
from governance.purposes.querysets import PurposeQuerySet
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import ItemState

OWN_WISH = "Whoever would be asked to consent has asked for it"


def beneficiaries(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """Whom the actor may ask for: their own identity, and the active machine identities they own.

    A machine identity asks for itself alone, whatever it is named the owner of (rule 10).
    """
    if actor.kind == ActorKind.MACHINE:
        return Identity.objects.active(now).filter(pk__in=actor.identity_ids)
    owned = owned_ids("identity", actor.identity_ids, now)
    machines = Q(pk__among=owned, kind__in=MACHINE_KINDS)
    return Identity.objects.active(now).filter(Q(pk=actor.identity_id) | machines).order_by("name")


def purposes_for(entitlement_ids: Collection[UUID], now: datetime) -> "PurposeQuerySet[Purpose]":
    """Active purposes that may justify every one of the entitlements. Emergencies are for break-glass alone."""
    found = Purpose.objects.active(now).filter(emergency=False)
    for entitlement_id in entitlement_ids:
        found = found.justifying(entitlement_id)
    return found.order_by("reference")


def catalog_for(beneficiary: Identity, words: str) -> "EntitlementQuerySet[Entitlement]":
    """What the beneficiary's kind may hold, in systems where they have an account, matching the words."""
    systems = Account.objects.filter(identity=beneficiary).values("system")
    return (
        Entitlement.objects.requestable()
        .holdable_by(beneficiary.kind)
        .filter(system__in=systems)
        .matching(words)
        .select_related("system")
        .order_by("system__name", "name")
    )


def pending_twin(beneficiary_id: UUID, entitlement_id: UUID, purpose_id: UUID) -> AccessRequest | None:
    """An open request that asks for the same already, or none."""
    twin = RequestItem.objects.filter(
        state=ItemState.PENDING,
        entitlement=entitlement_id,
        request__beneficiary=beneficiary_id,
        request__purpose=purpose_id,
    )
    item = twin.select_related("request").first()
    return item.request if item else None


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
    found = _plan(step, wish, now)
    if step.kind not in CONSENTS:
        return found
    who = wish.beneficiary
    answering = answerable_for(who.pk, now) | (same_human([who.pk]) if who.kind == Kind.PERSON else frozenset())
    return replace(found, skip=OWN_WISH) if wish.requester.pk in answering else found


def _plan(step: StepSpec, wish: Wish, now: datetime) -> StepPlan:
    beneficiary, entitlement = wish.beneficiary, wish.entitlement
    match step.kind:
        case StepKind.MANAGER:
            person = accountable_owner("identity", beneficiary.pk, now) if beneficiary.is_machine else beneficiary
            return _about("identity", person or beneficiary, step)
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


def _about(target_kind: str, target: Governed, step: StepSpec) -> StepPlan:
    return StepPlan(
        kind=step.kind,
        required=step.required,
        everyone=step.everyone,
        stage=step.place[0],
        target_kind=target_kind,
        target_id=target.pk,
        target_label=str(target)[:300],
    )


def questions_for(identity_ids: Collection[UUID]) -> "QuerySet[Question]":
    """Questions of approvers that wait for an answer of one of the identities, with their route."""
    items = RequestItem.objects.filter(request__requester__in=identity_ids).values("pk")
    return _waiting().filter(step__route__subject_id__in=items).select_related("step__route")
