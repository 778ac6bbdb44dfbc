"""What people and workers ask of a step. Locks: what was asked for, then the route, then the step."""

from datetime import datetime
from uuid import UUID

from governance.approvals import delegating, moves, permissions
from governance.approvals.delegating import Terms
from governance.approvals.models import ApprovalRoute, ApprovalStep, Comment, Decision, Delegation
from governance.approvals.states import YES, Provenance, StepState, Verdict
from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.ids import new_id
from governance.core.locking import locked, locked_all, unit_of_work
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.core.subjects import decidable
from governance.identities.models import Identity
from governance.identities.queries import same_human

TIMEOUT = Actor.system("timeout")


@unit_of_work()
def decide(
    *, step_id: UUID, verdict: Verdict, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Decision:
    """Approve, reject or return a step. Raises Invalid, NotFound, Denied, StepUpRequired, Conflict.

    A yes to what is sensitive needs a fresh sign-in with a second factor; a no never does.
    """
    if verdict != Verdict.APPROVE and not reason.strip():
        raise Invalid({"reason": "Say why: the requester reads it."})
    _lock_subject(step_id, actor.identity_ids)
    step, asked = permissions.lock(actor, verdict, step_id, now)
    if verdict in YES and decidable(step.route.subject_kind).is_sensitive(step.route.subject_id):
        stepup.require(actor, Sensitive.APPROVE_HIGH_RISK, now)
    as_seen()
    if verdict in YES:
        _require_clear(step, now)
    cast = moves.Vote(
        verdict=_yes(step) if verdict in YES else verdict,
        provenance=Provenance.HUMAN_FOR_ANOTHER if asked.on_behalf_of else Provenance.HUMAN,
        decider=Identity.objects.get(pk=asked.identity_id),
        on_behalf_of=Identity.objects.get(pk=asked.on_behalf_of) if asked.on_behalf_of else None,
        assurance=actor.assurance,
        reason=reason.strip(),
    )
    return moves.vote(step, cast, actor=actor, now=now)


def _require_clear(step: ApprovalStep, now: datetime) -> None:
    """Raise Conflict while something stands against a yes that nothing covers."""
    found = decidable(step.route.subject_kind).obstacles(step.route.subject_id, now)
    if bare := [one.text for one in found if not one.covered]:
        raise Conflict(" ".join(bare), code="objection")


def _yes(step: ApprovalStep) -> Verdict:
    """What a yes to the step says: a consent is no approval (rule 2)."""
    return Verdict.CONSENT if step.consents else Verdict.APPROVE


@unit_of_work()
def comment(*, route_id: UUID, text: str, actor: Actor, now: datetime, comment_id: UUID | None = None) -> Comment:
    """Say something about what is being decided. Raises Invalid, NotFound, Denied, Conflict when it is over.

    Sent twice with the same `comment_id`, it is one comment.
    """
    if not text.strip():
        raise Invalid({"text": "Write what you want to say."})
    route, author_id = permissions.lock_commentable(actor, route_id, now)
    twin = Comment.objects.filter(pk=comment_id).first() if comment_id else None
    if twin is not None:
        return _own(twin, route_id, author_id, text.strip())
    by = Identity.objects.get(pk=author_id)
    return moves.comment(route, by, text.strip(), comment_id=comment_id or new_id(), actor=actor, now=now)


def _own(twin: Comment, route_id: UUID, author_id: UUID, text: str) -> Comment:
    """The comment that the same act has made. Sent with other words, or elsewhere, it is not that comment."""
    if (twin.route_id, twin.author_id, twin.text) != (route_id, author_id, text):
        raise Invalid({"comment_id": "Another comment was made with this id."})
    return twin


def _lock_subject(step_id: UUID, identity_ids: "frozenset[UUID]" = frozenset()) -> None:
    """Take the subject's locks, the route, and all its steps: what happens to one moves others. Raises NotFound."""
    step = ApprovalStep.objects.select_related("route").filter(pk=step_id).first()
    if step is None:
        raise NotFound
    decidable(step.route.subject_kind).lock(step.route.subject_id, identity_ids)
    locked(ApprovalRoute.objects.all(), step.route_id)
    locked_all(ApprovalStep.objects.filter(route=step.route_id))


@unit_of_work()
def ask_again(*, step_id: UUID, now: datetime) -> None:
    """Ask those who are to answer a step as things stand now (rule 16). Safe to run twice or late."""
    _lock_subject(step_id)
    step = locked(ApprovalStep.objects.select_related("route"), step_id)
    if step.state in {StepState.OPEN, StepState.RETURNED}:
        moves.ask_again(step, why="Who answers has changed", now=now)


@unit_of_work()
def expire(*, step_id: UUID, now: datetime) -> bool:
    """Close a step that is past its due time. Answers whether it was: safe to run twice or late."""
    _lock_subject(step_id)
    step = locked(ApprovalStep.objects.select_related("route"), step_id)
    if not ApprovalStep.objects.overdue(now).filter(pk=step.pk).exists():
        return False
    moves.expire(step, actor=TIMEOUT, now=now)
    return True


@unit_of_work()
def delegate(*, delegate_id: UUID, terms: Terms, actor: Actor, now: datetime) -> Delegation:
    """Have another person decide in the actor's place for a while. Nobody delegates for somebody else.

    What waits moves at once, and what comes later as it comes. Raises Denied, Invalid, StepUpRequired.
    """
    mine = same_human([actor.identity_id]) if actor.identity_id else frozenset()
    held = {one.pk: one for one in locked_all(Identity.objects.filter(pk__in={*mine, *same_human([delegate_id])}))}
    me = held.get(actor.identity_id) if actor.identity_id else None
    if me is None or me.is_machine or not me.acts(now):
        raise Denied("Only an active person delegates.")
    if delegate_id not in held:
        raise Invalid({"delegate": "Name another active person."})
    delegating.check(me, held[delegate_id], terms, now)
    stepup.require(actor, Sensitive.DELEGATE, now)
    return delegating.begin(me, held[delegate_id], terms, actor=actor, now=now)


@unit_of_work()
def end_delegation(
    *, delegation_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Delegation:
    """Take back what one has delegated, or hand back what was delegated to one; what waits moves back.

    Raises NotFound, Denied, Conflict once it is over.
    """
    delegation = permissions.lock_delegation(actor, delegation_id, now)
    as_seen()
    return delegating.end(delegation, actor=actor, why=reason.strip() or "Ended early", now=now)
