"""What people and workers ask of a step. Locks: what was asked for, then the route, then the step."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from governance.approvals import delegating, hours, moves, permissions, queries, talking
from governance.approvals.delegating import Terms
from governance.approvals.hours import CalendarDraft
from governance.approvals.mentions import named_in
from governance.approvals.models import (
    ApprovalRoute,
    ApprovalStep,
    Calendar,
    Comment,
    Decision,
    Delegation,
    Reassignment,
)
from governance.approvals.states import YES, Provenance, StepState, Verdict
from governance.core import files, stepup
from governance.core.actor import Actor
from governance.core.errors import Conflict, Denied, DomainError, Invalid, NotFound
from governance.core.ids import new_id
from governance.core.locking import locked, locked_all, take_turns, unit_of_work
from governance.core.moves import amend, create
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.core.subjects import Span, decidable
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.identities.states import MACHINE_KINDS
from governance.policy.words import length, minute

if TYPE_CHECKING:
    from django.core.files.base import File

TIMEOUT = Actor.system("timeout")
ESCALATION = Actor.system("escalation")
SHORTEST = timedelta(minutes=1)
LONGEST_TICKET = 200
LONGEST_COMMENT = 4000
TOGETHER = frozenset({Verdict.APPROVE, Verdict.REJECT})
MOST_TOGETHER = 50
"""Steps that are decided by one act: more than one reads at a time."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a decision rests on besides its reason: where else it is written down, and a file."""

    ticket: str = ""
    file: "File[bytes] | None" = None


NO_PROOF = Proof()


def decide(
    *,
    step_id: UUID,
    verdict: Verdict,
    reason: str,
    actor: Actor,
    now: datetime,
    as_seen: AsSeen = unsaid,
    less: Span | None = None,
    proof: Proof = NO_PROOF,
) -> Decision:
    """Approve, reject or return a step. Raises Invalid, NotFound, Denied, StepUpRequired, Conflict.

    A yes to what is sensitive needs a fresh sign-in with a second factor; a no never does. `less` is a yes to less
    than is asked: to a shorter term, or to an earlier end.
    """
    cast = moves.Vote(verdict, Provenance.HUMAN, None, actor.assurance, reason.strip(), less, proof.ticket.strip())
    if found := problems(cast):
        raise Invalid(found)
    if proof.file is None:
        return _decide(step_id, cast, actor=actor, now=now, as_seen=as_seen)
    if not permissions.visible(actor).filter(pk=step_id).exists():
        raise NotFound
    with files.keeping(proof.file) as kept:
        return _decide(step_id, replace(cast, kept=kept), actor=actor, now=now, as_seen=as_seen)


def problems(cast: moves.Vote) -> dict[str, str]:
    """What is wrong with a decision itself, by field; empty when nothing is."""
    found: dict[str, str] = {}
    if cast.verdict != Verdict.APPROVE and not cast.reason:
        found["reason"] = "Say why: the requester reads it."
    if len(cast.ticket) > LONGEST_TICKET or not cast.ticket.isprintable():
        found["ticket"] = f"A reference of one line, of {LONGEST_TICKET} characters at most."
    if cast.less is not None and cast.verdict not in YES:
        found["until" if cast.less.until else "term"] = "Only a yes says to how much."
    return found


@unit_of_work()
def _decide(
    step_id: UUID, cast: moves.Vote, *, actor: Actor, now: datetime, as_seen: AsSeen, together: bool = False
) -> Decision:
    """Record one decision; `together` with others what is sensitive is not approved."""
    _lock_subject(step_id, actor.identity_ids)
    step, asked = permissions.lock(actor, cast.verdict, step_id, now)
    yes = cast.verdict in YES
    if yes and decidable(step.route.subject_kind).is_sensitive(step.route.subject_id):
        if together:
            raise Denied("A yes to this is given by itself: open it, and decide on it alone.", code="decided_alone")
        stepup.require(actor, Sensitive.APPROVE_SENSITIVE, now)
    as_seen()
    if yes:
        _require_clear(step, now)
        _require_less(step, cast.less, now)
    cast = replace(
        cast,
        verdict=_yes(step) if yes else cast.verdict,
        provenance=Provenance.HUMAN_FOR_ANOTHER if asked.on_behalf_of else Provenance.HUMAN,
        decider=Identity.objects.get(pk=asked.identity_id),
        on_behalf_of=Identity.objects.get(pk=asked.on_behalf_of) if asked.on_behalf_of else None,
    )
    return moves.vote(step, cast, actor=actor, now=now)


def _require_less(step: ApprovalStep, less: Span | None, now: datetime) -> None:
    """Raise Invalid for a term or an end that is no less than what was asked, or than others have allowed already."""
    if less is None:
        return
    allowed = queries.allowed(step.route)
    if allowed is None:
        raise Invalid({"term": "This is decided as a whole: nothing of it can be shortened."})
    begins = max(now, allowed.starts_at or now)
    if allowed.until is not None and (not less.shorter_than(allowed) or less.until <= begins):  # type: ignore[operator]
        raise Invalid({"until": f"Less ends before {minute(allowed.until)}, and after {minute(begins)}."})
    if allowed.term is not None and (not less.shorter_than(allowed) or less.term < SHORTEST):  # type: ignore[operator]
        raise Invalid({"term": f"Less is shorter than {length(allowed.term)}, and a minute at least."})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several steps that were decided together: the decision, or why there is none."""

    step_id: UUID
    decision: Decision | None
    code: str = ""
    message: str = ""


def decide_together(
    *, step_ids: Sequence[UUID], verdict: Verdict, reason: str, actor: Actor, now: datetime
) -> list[Outcome]:
    """Approve or reject several steps, each on its own: what is refused keeps none of the others back.

    What is sensitive is never approved so. Raises Invalid when the act itself is not right.
    """
    chosen = list(dict.fromkeys(step_ids))
    found = _together_problems(chosen, verdict, reason)
    if found:
        raise Invalid(found)
    cast = moves.Vote(verdict, Provenance.HUMAN, None, actor.assurance, reason.strip())
    return [_one_of_several(pk, cast, actor, now) for pk in chosen]


def _together_problems(chosen: Sequence[UUID], verdict: Verdict, reason: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if not chosen:
        found["steps"] = "Choose at least one."
    elif len(chosen) > MOST_TOGETHER:
        found["steps"] = f"At most {MOST_TOGETHER} are decided together."
    if verdict not in TOGETHER:
        found["verdict"] = "Several are approved or rejected together; a question is asked of one."
    if not reason.strip():
        found["reason"] = "Say why: it is kept with each decision."
    return found


def _one_of_several(step_id: UUID, cast: moves.Vote, actor: Actor, now: datetime) -> Outcome:
    try:
        decision = _decide(step_id, cast, actor=actor, now=now, as_seen=unsaid, together=True)
    except DomainError as refusal:
        return Outcome(step_id, None, refusal.code, refusal.message)
    return Outcome(step_id, decision)


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
    if refusal := _comment_problem(text.strip()):
        raise Invalid({"text": refusal})
    route, author_id = permissions.lock_commentable(actor, route_id, now)
    twin = Comment.objects.filter(pk=comment_id).first() if comment_id else None
    if twin is not None:
        return _own(twin, route_id, author_id, text.strip())
    words = talking.Words(Identity.objects.get(pk=author_id), text.strip(), _named(route, text, now))
    return talking.comment(route, words, comment_id=comment_id or new_id(), actor=actor, now=now)


def _comment_problem(text: str) -> str:
    if len(text) > LONGEST_COMMENT:
        return f"A comment of {LONGEST_COMMENT:,} characters at most."
    return "" if text else "Write what you want to say."


def _named(route: ApprovalRoute, text: str, now: datetime) -> frozenset[UUID]:
    """Whom the text names of the people who may read what is said about the route."""
    readers = Identity.objects.active(now).filter(pk__in=permissions.commenters(route, now))
    return named_in(text, dict(readers.exclude(kind__in=MACHINE_KINDS).values_list("pk", "name")))


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
def claim(*, step_id: UUID, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> ApprovalStep:
    """Show the others who are asked that one looks at it.

    Raises NotFound, Denied, and Conflict while somebody else does.
    """
    _lock_subject(step_id, actor.identity_ids)
    step, asked = permissions.lock(actor, "claim", step_id, now)
    as_seen()
    if step.claimed_by and step.claimed_at(now) and step.claimed_by_id not in actor.identity_ids:
        raise Conflict(f"{step.claimed_by} looks at this, until {minute(step.claimed_until or now)}.", code="claimed")
    moves.claim(step, Identity.objects.get(pk=asked.identity_id), actor=actor, now=now)
    return step


@unit_of_work()
def release(*, step_id: UUID, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> ApprovalStep:
    """Take one's own claim back. Raises NotFound, Denied, Conflict where there is none."""
    _lock_subject(step_id, actor.identity_ids)
    step, _ = permissions.lock(actor, "claim", step_id, now)
    as_seen()
    if not step.claimed_at(now) or step.claimed_by_id not in actor.identity_ids:
        raise Conflict("You have not claimed this.", code="not_claimed")
    moves.release(step, actor=actor, now=now)
    return step


@unit_of_work()
def reassign(
    *, step_id: UUID, taker_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Reassignment:
    """Hand a step to somebody eligible, who is asked in one's place from now on; oneself decides on nothing of it.

    Raises Invalid, NotFound, Denied, Conflict.
    """
    _lock_subject(step_id, actor.identity_ids | {taker_id})
    step, asked = permissions.lock(actor, "reassign", step_id, now)
    as_seen()
    if refusal := queries.cannot_give(step, asked):
        raise Denied(refusal)
    taker = Identity.objects.filter(pk=taker_id).first()
    if found := _handing_problems(step, taker, reason, now):
        raise Invalid(found)
    giver = Identity.objects.get(pk=asked.identity_id)
    return moves.reassign(step, giver, Identity.objects.get(pk=taker_id), actor=actor, why=reason.strip(), now=now)


def _handing_problems(step: ApprovalStep, taker: Identity | None, reason: str, now: datetime) -> dict[str, str]:
    """What is wrong with handing the step to somebody, by field."""
    found = {} if reason.strip() else {"reason": "Say why: whoever is asked next reads it."}
    if refusal := queries.cannot_take(step, taker, now) if taker else "There is nobody with this id.":
        found["taker"] = refusal
    return found


@unit_of_work()
def remind(*, route_id: UUID, actor: Actor, now: datetime) -> ApprovalRoute:
    """Remind those who are asked for what one has asked for. Raises NotFound, Denied, Conflict when it is too soon."""
    locked_all(ApprovalRoute.objects.filter(pk=route_id))
    route, by = permissions.remindable(actor, route_id, now)
    since = queries.remindable_from(route)
    if since is None:
        raise Conflict("Nobody is asked at the moment: a question waits for its answer.", code="nobody_asked")
    if now < since:
        raise Conflict(f"It is too soon: you may remind them from {minute(since)} on.", code="too_soon")
    talking.remind(route, Identity.objects.get(pk=by), actor=actor, now=now)
    return route


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


@unit_of_work()
def escalate(*, step_id: UUID, now: datetime) -> bool:
    """Bring others in for a step that has waited too long. Answers whether it had: safe to run twice or late."""
    _lock_subject(step_id)
    step = locked(ApprovalStep.objects.select_related("route"), step_id)
    if not ApprovalStep.objects.to_escalate(now).filter(pk=step.pk).exists():
        return False
    moves.escalate(step, actor=ESCALATION, now=now)
    return True


@unit_of_work()
def keep_calendar(
    *, calendar_id: UUID | None, draft: CalendarDraft, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Calendar:
    """Enter a calendar, or change one. Steps that open from now on count by it. Raises Invalid, NotFound, Denied."""
    permissions.require_calendars(actor)
    take_turns("calendars")
    others = {one.pk: one for one in locked_all(Calendar.objects.all())}
    calendar = others.pop(calendar_id, None) if calendar_id else None
    if calendar_id and calendar is None:
        raise NotFound
    as_seen()
    if found := hours.problems(draft) or _clashes(draft, others.values()):
        raise Invalid(found)
    stated: dict[str, Any] = {
        **asdict(draft),
        "weekdays": sorted(draft.weekdays),
        "departments": sorted(draft.departments),
    }
    if calendar is None:
        return create(Calendar(**stated), actor=actor, why="Working hours entered", now=now)
    return amend(calendar, "changed", actor=actor, why="Working hours changed", now=now, **stated)


def _clashes(draft: CalendarDraft, others: Iterable[Calendar]) -> dict[str, str]:
    """What another calendar has already, by field."""
    found: dict[str, str] = {}
    for other in others:
        if other.name == draft.name:
            found["name"] = "Another calendar has this name."
        if other.general and draft.general:
            found["general"] = f"{other} counts for everybody else already."
        if both := set(other.departments) & set(draft.departments):
            found["departments"] = f"{other} counts for {', '.join(sorted(both))} already."
    return found
