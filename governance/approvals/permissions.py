"""Who may see an approval step, and who may decide it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from governance.approvals.models import ApprovalRoute, ApprovalStep, Delegation, StepApprover
from governance.approvals.queries import resolve
from governance.approvals.querysets import DelegationQuerySet, StepQuerySet
from governance.approvals.rules import Asked
from governance.approvals.states import YES, RouteState, StepState, Verdict
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked, locked_all
from governance.core.subjects import decidable
from governance.identities.models import Identity
from governance.policy.words import minute

OVERSEE = (Role.AUDITOR, Role.SECURITY)
NOT_THEIRS = "Only who has delegated, who decides in their place, or security ends a delegation."
CALENDARS = (*OVERSEE, Role.ADMINISTRATOR)
DECIDES = frozenset({"approve", "consent", "reject", "return", "reassign", "claim"})
"""What those who are asked may do with a step."""


def visible(actor: Actor) -> "StepQuerySet[ApprovalStep]":
    """Steps the actor, or somebody in their place, is or was asked for; all for those who oversee."""
    if actor.has(*OVERSEE):
        return ApprovalStep.objects.all()
    return ApprovalStep.objects.ever_concerning(actor.identity_ids)


def inbox(actor: Actor) -> "StepQuerySet[ApprovalStep]":
    """Steps that wait for the actor's decision now."""
    return ApprovalStep.objects.open().asking(actor.identity_ids)


def decider_for(actor: Actor, step: ApprovalStep, now: datetime) -> Asked | None:
    """As whom the actor is asked for an open step, by what holds at this moment (rules 2 and 16).

    Where they are asked for themselves and for another, it is for themselves.
    """
    mine = [one for one in resolve(step, now) if one.identity_id in actor.identity_ids]
    return min(mine, key=lambda one: (one.on_behalf_of is not None, one.identity_id), default=None)


def asked_as(actor: Actor, step: ApprovalStep, now: datetime) -> Asked | None:
    """As whom the actor may decide a step now; None once it is not open, and for those who are not asked."""
    return decider_for(actor, step, now) if step.state == StepState.OPEN else None


def can(actor: Actor, verb: str, step: ApprovalStep, now: datetime) -> bool:
    """Whether the actor may decide this step now, claim it, or hand it on."""
    return verb in DECIDES and asked_as(actor, step, now) is not None


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> tuple[ApprovalStep, Asked]:
    """Take an open step the actor is asked for, with as whom they decide it.

    Raises NotFound for strangers, Conflict saying who came first, Denied for those not asked or not eligible.
    """
    try:
        step = locked(ApprovalStep.objects.filter(pk__in=visible(actor).values("pk")).select_related("route"), pk)
    except ApprovalStep.DoesNotExist:
        raise NotFound from None
    if step.state != StepState.OPEN:
        raise Conflict(already(step, actor), code="already_decided")
    asked = decider_for(actor, step, now)
    if verb not in DECIDES or asked is None:
        raise Denied("You are not asked for this step: it is your own access, or somebody else now answers for it.")
    return step, asked


PAST = {
    Verdict.APPROVE: "approved this",
    Verdict.CONSENT: "consented to this",
    Verdict.REJECT: "rejected this",
    Verdict.RETURN: "asked back",
}


LEADS_TO: Mapping[StepState, Collection[Verdict]] = {
    StepState.APPROVED: YES,
    StepState.REJECTED: {Verdict.REJECT},
    StepState.RETURNED: {Verdict.RETURN},
}
"""The decisions that have led to a state; to any other, none has."""


def already(step: ApprovalStep, actor: Actor) -> str:
    """What happened to a step that can't be decided now: who, what and when; "you" where it was the actor.

    Where it was not a decision that led there, what became of the step, and why.
    """
    if step.state == StepState.WAITING:
        return "This step waits for others to be decided before it."
    led = step.decisions.filter(verdict__in=LEADS_TO.get(StepState(step.state), ()))
    last = led.select_related("decider", "on_behalf_of").order_by("-at").first()
    if last is None or last.decider is None:
        return f"This step is {step.get_state_display().lower()}: {step.state_reason or 'it no longer waits'}."
    who = "You" if last.decider_id in actor.identity_ids else last.decider.name
    place = f", in the place of {last.on_behalf_of}" if last.on_behalf_of else ""
    return f"{who} {PAST[Verdict(last.verdict)]}{place}, {minute(last.at)}."


def commentable(actor: Actor, pk: UUID, now: datetime) -> ApprovalRoute:
    """An open route that the actor may comment on: who is asked may, and whose access it would be.

    Raises NotFound for strangers, Denied for those who only oversee, Conflict once it is decided.
    """
    route = ApprovalRoute.objects.filter(pk=pk).first()
    if route is None:
        raise NotFound
    concerned = commenters(route, now) & actor.identity_ids
    if not concerned and not actor.has(*OVERSEE):
        raise NotFound
    if not concerned:
        raise Denied("Only those who decide, and those whose access it would be, comment here.")
    if route.state != RouteState.OPEN:
        raise Conflict(f"This is {route.get_state_display().lower()} already.", code="already_decided")
    return route


def lock_commentable(actor: Actor, pk: UUID, now: datetime) -> tuple[ApprovalRoute, UUID]:
    """Take such a route, with the identity one comments as. Raises as `commentable`."""
    locked_all(ApprovalRoute.objects.filter(pk=pk))
    route = commentable(actor, pk, now)
    return route, min(commenters(route, now) & actor.identity_ids)


def remindable(actor: Actor, pk: UUID, now: datetime) -> tuple[ApprovalRoute, UUID]:
    """A route whose approvers the actor may remind, with the identity they have asked as.

    Raises NotFound for strangers, Denied for all but whoever asked, Conflict once it is decided.
    """
    route = ApprovalRoute.objects.filter(pk=pk).first()
    if route is None:
        raise NotFound
    asker = decidable(route.subject_kind).asker(route.subject_id)
    if asker not in actor.identity_ids and not actor.has(*OVERSEE) and not commenters(route, now) & actor.identity_ids:
        raise NotFound
    if asker not in actor.identity_ids:
        raise Denied("Only whoever asked for it reminds those who decide.")
    if route.state != RouteState.OPEN:
        raise Conflict(f"This is {route.get_state_display().lower()} already.", code="already_decided")
    return route, asker


def commenters(route: ApprovalRoute, now: datetime) -> frozenset[UUID]:
    """Everybody who is or was asked, and the parties to what is decided."""
    asked = StepApprover.objects.filter(step__route=route).values_list("identity", "on_behalf_of")
    said = frozenset(pk for pair in asked for pk in filter(None, pair))
    return said | decidable(route.subject_kind).parties(route.subject_id, now)


# Delegations ----------------------------------------------------------------------------------------------------------


def visible_delegations(actor: Actor) -> "DelegationQuerySet[Delegation]":
    """Those by which the actor decides for another, or another for them; all for those who oversee."""
    if actor.has(*OVERSEE):
        return Delegation.objects.all()
    return Delegation.objects.between(actor.identity_ids)


def may_end(actor: Actor, delegation: Delegation) -> bool:
    """Whether the actor may end a delegation they can see: whoever made it, whoever decides by it, or security."""
    return actor.has(Role.SECURITY) or bool({delegation.delegator_id, delegation.delegate_id} & actor.identity_ids)


def lock_delegation(actor: Actor, pk: UUID, now: datetime) -> Delegation:
    """Take a delegation that one may end, and before it both of its people, as a decision by it does.

    Raises NotFound, Denied, Conflict once it is over.
    """
    seen = visible_delegations(actor).filter(pk=pk).first()
    if seen is None:
        raise NotFound
    locked_all(Identity.objects.filter(pk__in=[seen.delegator_id, seen.delegate_id]))
    delegation = locked(Delegation.objects.with_names(), pk)
    if not may_end(actor, delegation):
        raise Denied(NOT_THEIRS)
    if delegation.ends_at <= now:
        raise Conflict(f"This delegation ended on {minute(delegation.ends_at)}.", code="already_ended")
    return delegation


# Calendars ------------------------------------------------------------------------------------------------------------


def sees_calendars(actor: Actor) -> bool:
    """Whether the actor sees the calendars: those who oversee or administer. Others read the times that follow."""
    return actor.has(*CALENDARS)


def keeps_calendars(actor: Actor) -> bool:
    """Whether the actor enters and changes calendars."""
    return actor.has(Role.ADMINISTRATOR)


def require_calendars(actor: Actor) -> None:
    """Raise NotFound for those who see no calendar, Denied for those who change none."""
    if not sees_calendars(actor):
        raise NotFound
    if not keeps_calendars(actor):
        raise Denied("Only administrators change calendars.")
