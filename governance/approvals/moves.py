"""The mechanism of a route: one step after another, each asked of people resolved at that moment.

Callers hold the subject, then the route, then its steps. What was asked for is above and not known here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.approvals import telling
from governance.approvals.calendars import hours_for
from governance.approvals.hours import resumed, times
from governance.approvals.models import (
    ApprovalRoute,
    ApprovalStep,
    Decision,
    DecisionFile,
    Question,
    Reassignment,
    StepApprover,
)
from governance.approvals.queries import is_satisfied, repeats, resolve
from governance.approvals.rules import Asked
from governance.approvals.states import ENDED_STEPS, HUMANS, Provenance, RouteState, StepState, Verdict
from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.files import Kept
from governance.core.locking import locked, locked_all
from governance.core.moves import amend, create, move, plain
from governance.core.subjects import Span, decidable
from governance.identities.models import Identity
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.models import PolicyDecision
from governance.policy.states import CONSENTS
from governance.policy.words import minute

ROUTING = Actor.system("routing")
POLICY = Actor.system("policy")
CLAIM_TERM = timedelta(hours=4)
"""How long somebody's claim on a step is shown to the others."""


class Unanswered(RuntimeError):
    """A route was about to be approved that not all have answered for: always a defect."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step to be, as the step keeps it. `skip` says why it need not be asked for."""

    kind: str
    target_kind: str
    target_id: UUID
    target_label: str
    required: int = 1
    everyone: bool = False
    stage: int = 1
    counts: tuple[str, ...] = ()
    skip_repeat: bool = False
    skip: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a route is about, and what that is called: "R-1014, Read payments"; and whose access it would be, if any."""

    kind: str
    id: UUID
    label: str
    beneficiary: Identity | None = None


def open_route(
    subject: Subject,
    decision: PolicyDecision | None,
    plans: Sequence[StepPlan],
    *,
    actor: Actor,
    now: datetime,
) -> ApprovalRoute:
    """Make the route that a policy decision asks for, or those who answer for what is changed; open its first stage.

    Raises ValueError for a route on which nobody is to approve: a consent alone is no approval (rule 2).
    """
    if all(plan.skip or plan.kind in CONSENTS for plan in plans):
        raise ValueError("somebody has to approve")
    route = ApprovalRoute(
        subject_kind=subject.kind,
        subject_id=subject.id,
        subject_label=subject.label,
        beneficiary=subject.beneficiary,
        policy_decision=decision,
        opened_at=now,
    )
    why = "Policy requires approval" if decision else "A change needs approval"
    create(route, actor=actor, why=why, now=now)
    for position, plan in enumerate(plans, start=1):
        step = create(_step(route, position, plan), actor=actor, why=why, now=now)
        if plan.skip:
            move(step, StepState.SKIPPED, actor=ROUTING, why=plan.skip, now=now, closed_at=now, state_reason=plan.skip)
    _advance(route, actor=actor, now=now)
    return route


def _step(route: ApprovalRoute, position: int, plan: StepPlan) -> ApprovalStep:
    return ApprovalStep(
        route=route,
        position=position,
        kind=plan.kind,
        target_kind=plan.target_kind,
        target_id=plan.target_id,
        target_label=plan.target_label,
        required=plan.required,
        everyone=plan.everyone,
        stage=plan.stage,
        counts=list(plan.counts),
        skip_repeat=plan.skip_repeat,
    )


def _advance(route: ApprovalRoute, *, actor: Actor, now: datetime) -> bool:
    """Open the next stage once nothing of this one waits for an answer. Answers False when every step has answered."""
    steps = locked_all(route.steps.exclude(state__in=ENDED_STEPS))
    for step in steps:
        step.route = route
    if any(step.state != StepState.WAITING for step in steps):
        return True
    stage = min((step.stage for step in steps), default=None)
    opening = [step for step in steps if step.stage == stage]
    for step in opening:
        move(step, StepState.OPEN, actor=actor, why="Its turn", now=now, opened_at=now, **_times(step, now))
    for step in opening:
        ask_again(step, why="The step opened", now=now)
    return bool(opening)


def _times(step: ApprovalStep, now: datetime) -> dict[str, Any]:
    return asdict(times(hours_for(step, now), now))


def ask_again(step: ApprovalStep, *, why: str, now: datetime, told: Collection[UUID] = ()) -> None:
    """Resolve who is asked, end what no longer holds and tell those who are new. Nobody at all is recorded too.

    What need not be asked, since whoever would be has approved another step, is skipped and says so.
    While a question waits for its answer, nobody new is asked: that is done with the answer. `told` know already.
    """
    returned = step.state == StepState.RETURNED
    if not returned and (repeated := repeats(step, now)):
        move(step, StepState.SKIPPED, actor=ROUTING, why=repeated, now=now, closed_at=now, state_reason=repeated)
        _lead_on(step.route, actor=ROUTING, why=repeated, now=now)
        return
    if not returned and is_satisfied(step, now):
        _go_on(step, actor=ROUTING, why="Everyone who is still asked has said yes", now=now)
        return
    chosen = {(asked.identity_id, asked.on_behalf_of): asked for asked in resolve(step, now)}
    current = {(row.identity_id, row.on_behalf_of_id): row for row in step.approvers.filter(ends_at__isnull=True)}
    if returned:
        chosen = {whom: asked for whom, asked in chosen.items() if whom in current}
    gone, fresh = current.keys() - chosen.keys(), chosen.keys() - current.keys()
    if not gone and not fresh and (current or step.opened_at != now):
        return
    StepApprover.objects.filter(pk__in=[current[whom].pk for whom in gone]).update(ends_at=now)
    StepApprover.objects.bulk_create(_asking(step, chosen[whom], now) for whom in fresh)
    verb = "asked" if chosen or returned else "unanswerable"
    amend(step, verb, actor=ROUTING, why=why, now=now, facts=_told(chosen.values()))
    telling.asked(step, [chosen[whom] for whom in fresh if chosen[whom].identity_id not in told], now)
    if verb == "unanswerable":
        telling.unanswerable(step, now)


def _asking(step: ApprovalStep, asked: Asked, now: datetime) -> StepApprover:
    return StepApprover(
        step=step,
        identity_id=asked.identity_id,
        on_behalf_of_id=asked.on_behalf_of,
        via=asked.via[:200],
        fallback=asked.fallback,
        starts_at=now,
    )


def _told(asked: Collection[Asked]) -> dict[str, Any]:
    """Who is asked, how they come into it, and in whose place."""
    return {
        "asked": sorted(str(one.identity_id) for one in asked),
        "via": sorted({one.via for one in asked}),
        "on_behalf_of": {str(one.identity_id): str(one.on_behalf_of) for one in asked if one.on_behalf_of},
    }


@dataclass(frozen=True, slots=True)
class Vote:
    """A decision to be recorded: what it says, where it comes from, in whose place, and why.

    `less` is to how much a yes says yes, if not to all; `ticket` is where else it is written down, `kept` the file that
    it rests on.
    """

    verdict: Verdict
    provenance: Provenance
    decider: Identity | None
    assurance: int
    reason: str
    less: Span | None = None
    ticket: str = ""
    kept: Kept | None = None
    on_behalf_of: Identity | None = None


def vote(step: ApprovalStep, cast: Vote, *, actor: Actor, now: datetime) -> Decision:
    """Record a decision on a held, open step and let the route go on from it. Raises IllegalMove."""
    decision = _decided(step, cast, actor=actor, now=now)
    telling.decided_for(step, decision, now)
    match cast.verdict:
        case Verdict.APPROVE | Verdict.CONSENT:
            _approved(step, decision, actor=actor, now=now)
        case Verdict.REJECT:
            _rejected(step, decision, actor=actor, now=now)
        case Verdict.RETURN:
            _returned(step, decision, actor=actor, now=now)
    return decision


def _decided(step: ApprovalStep, cast: Vote, *, actor: Actor, now: datetime) -> Decision:
    """Record what was said of a step, with the file that it rests on."""
    route, less = step.route, cast.less or Span()
    decision = Decision(
        subject_kind=route.subject_kind,
        subject_id=route.subject_id,
        step=step,
        verdict=cast.verdict,
        provenance=cast.provenance,
        decider=cast.decider,
        on_behalf_of=cast.on_behalf_of,
        assurance=cast.assurance,
        reason=cast.reason,
        policy_decision=route.policy_decision,
        term=less.term,
        until=less.until,
        ticket=cast.ticket,
        at=now,
    )
    more: dict[str, Any] = {"term": less.term, "until": less.until, "ticket": cast.ticket or None}
    if cast.kept:
        more |= {"file_name": cast.kept.name, "file_sha256": cast.kept.sha256, "file_bytes": cast.kept.size}
    _recorded(decision, str(step), actor, more)
    if cast.kept:
        DecisionFile(decision=decision, **asdict(cast.kept)).save(force_insert=True)
    return decision


def _recorded(decision: Decision, label: str, actor: Actor, more: Mapping[str, Any] | None = None) -> Decision:
    decision.save(force_insert=True)
    record([_event(decision, label, actor, more or {})])
    return decision


def _event(decision: Decision, label: str, actor: Actor, more: Mapping[str, Any]) -> Event:
    """What the log says of a decision; a timeout's is called so, since the step's own end says what it did."""
    timeout = decision.provenance == Provenance.TIMEOUT
    return Event(
        action=f"decision.{decision.provenance if timeout else decision.verdict}",
        actor=actor,
        subject_kind=decision.subject_kind,
        subject_id=decision.subject_id,
        subject_label=label,
        reason=decision.reason,
        at=decision.at,
        facts={
            "decision_id": str(decision.pk),
            "step_id": str(decision.step_id) if decision.step_id else None,
            "provenance": decision.provenance,
            "decider_id": str(decision.decider_id) if decision.decider_id else None,
            "on_behalf_of_id": str(decision.on_behalf_of_id) if decision.on_behalf_of_id else None,
            "assurance": decision.assurance,
            "policy_decision_id": str(decision.policy_decision_id) if decision.policy_decision_id else None,
            **{name: plain(value) for name, value in more.items() if value is not None},
        },
    )


def _approved(step: ApprovalStep, decision: Decision, *, actor: Actor, now: datetime) -> None:
    if is_satisfied(step, now):
        _go_on(step, actor=actor, why=decision.reason, now=now)
    else:
        ask_again(step, why="One of several has decided", now=now)
    _ask_others_again(step, why="Who approved one step decides no other", now=now)


def _ask_others_again(step: ApprovalStep, *, why: str, now: datetime) -> None:
    """The steps that were open beside this one: what somebody has done to it may have them decide no other.

    What opens at this moment has asked with that in view.
    """
    beside = step.route.steps.filter(state=StepState.OPEN).exclude(pk=step.pk).exclude(opened_at=now)
    for other in locked_all(beside):
        other.route = step.route
        ask_again(other, why=why, now=now)


def _go_on(step: ApprovalStep, *, actor: Actor, why: str, now: datetime) -> None:
    """As many as must have said yes: the step is done, and with the last one the route."""
    move(step, StepState.APPROVED, actor=actor, why=why, now=now, closed_at=now)
    _lead_on(step.route, actor=actor, why=why, now=now)


def _lead_on(route: ApprovalRoute, *, actor: Actor, why: str, now: datetime) -> None:
    """Go on to the next stage; where there is none, everybody who had to has said yes."""
    if not _advance(route, actor=actor, now=now):
        _require_answered(route)
        _close(route, RouteState.APPROVED, actor=actor, why=why, now=now)


def _require_answered(route: ApprovalRoute) -> None:
    """Raise Unanswered unless each step was approved or skipped, and a human approved one: nothing else means yes."""
    human = Decision.objects.filter(step__route=route, verdict=Verdict.APPROVE, provenance__in=HUMANS)
    if route.steps.exclude(state__in=[StepState.APPROVED, StepState.SKIPPED]).exists() or not human.exists():
        msg = f"{route} was about to be approved, and not all of it has been"
        raise Unanswered(msg)


def _rejected(step: ApprovalStep, decision: Decision, *, actor: Actor, now: datetime) -> None:
    move(step, StepState.REJECTED, actor=actor, why=decision.reason, now=now, closed_at=now)
    _drop_others(step.route, actor=actor, why="Another step rejected", now=now)
    _close(step.route, RouteState.REJECTED, actor=actor, why=decision.reason, now=now)


def _returned(step: ApprovalStep, decision: Decision, *, actor: Actor, now: datetime) -> None:
    move(step, StepState.RETURNED, actor=actor, why=decision.reason, now=now)
    question = Question(step=step, asked_by=decision.decider, question=decision.reason, asked_at=now)
    create(question, actor=actor, why=decision.reason, now=now)
    route = step.route
    decidable(route.subject_kind).on_returned(route.subject_id, actor=actor, why=decision.reason, now=now)


def record_policy_yes(subject: Subject, policy_decision: PolicyDecision, *, why: str, now: datetime) -> Decision:
    """Record that policy answered without a human."""
    decision = Decision(
        subject_kind=subject.kind,
        subject_id=subject.id,
        verdict=Verdict.APPROVE,
        provenance=Provenance.POLICY,
        assurance=0,
        reason=why,
        policy_decision=policy_decision,
        at=now,
    )
    return _recorded(decision, f"{subject.label}: policy", POLICY)


def claim(step: ApprovalStep, by: Identity, *, actor: Actor, now: datetime) -> None:
    """Show the others that somebody looks at a held step; it ends by itself."""
    until = now + CLAIM_TERM
    amend(step, "claimed", actor=actor, why="Claimed", now=now, claimed_by=by, claimed_until=until)


def release(step: ApprovalStep, *, actor: Actor, now: datetime) -> None:
    """Take the mark off a held step."""
    amend(step, "released", actor=actor, why="Released", now=now, claimed_by=None, claimed_until=None)


def reassign(
    step: ApprovalStep, giver: Identity, taker: Identity, *, actor: Actor, why: str, now: datetime
) -> Reassignment:
    """Hand a held, open step from somebody who is asked to somebody eligible, and tell both."""
    handed = Reassignment(step=step, giver=giver, taker=taker, reason=why, at=now)
    handed.save(force_insert=True)
    facts = {"reassignment_id": str(handed.pk), "giver_id": str(giver.pk), "taker_id": str(taker.pk)}
    theirs = step.claimed_by_id == giver.pk
    claimed: dict[str, Any] = _claim_of(step) if not theirs else {"claimed_by": None, "claimed_until": None}
    amend(step, "reassigned", actor=actor, why=why, now=now, facts=facts, **claimed)
    ask_again(step, why=f"{giver} has handed it to {taker}", now=now, told=[taker.pk])
    _ask_others_again(step, why="Who hands one step on decides no other", now=now)
    label, about, once = step.route.subject_label, (ApprovalStep.NOUN, step.pk), f"handed:{handed.pk}"
    notices = [
        Notice(taker.pk, Topic.WORK, f"{giver} hands you a decision: {label}", why, about, once),
        Notice(giver.pk, Topic.WORK, f"You have handed {label} to {taker}", why, about, once),
    ]
    notify(notices, now=now)
    return handed


def _claim_of(step: ApprovalStep) -> dict[str, Any]:
    return {"claimed_by": step.claimed_by, "claimed_until": step.claimed_until}


def escalate(step: ApprovalStep, *, actor: Actor, now: datetime) -> None:
    """Mark a held, open step as waiting too long, tell those asked, and bring others in."""
    why = f"Nobody decided by {minute(step.escalates_at or now)}"
    asked = step.approvers.filter(ends_at__isnull=True).values_list("identity", flat=True)
    amend(step, "escalated", actor=actor, why=why, now=now, escalated_at=now)
    title, about = f"{step.route.subject_label} still waits for you", (ApprovalStep.NOUN, step.pk)
    notify([Notice(pk, Topic.WORK, title, f"{why}.", about, f"escalated:{step.pk}") for pk in asked], now=now)
    ask_again(step, why=why, now=now)


def lock_question(question: Question) -> Question:
    """Hold the question's route with all its steps, and itself; the subject is held already."""
    route = locked(ApprovalRoute.objects.all(), question.step.route_id)
    steps = {step.pk: step for step in locked_all(route.steps.all())}
    held = locked(Question.objects.all(), question.pk)
    held.step = steps[held.step_id]
    held.step.route = route
    return held


def answer(question: Question, by: Identity, text: str, *, actor: Actor, now: datetime) -> ApprovalStep:
    """Answer a question: its step opens again, with as much time left as when it was asked.

    Where nobody is to be asked any more, it goes on at once, and may lead to the end of the route.
    """
    step = question.step
    amend(question, "answered", actor=actor, why=text, now=now, answered_by=by, answer=text, answered_at=now)
    move(step, StepState.OPEN, actor=actor, why="Answered", now=now, **_resumed(step, question.asked_at, now))
    ask_again(step, why="The question was answered", now=now)
    subject = (ApprovalStep.NOUN, step.pk)
    notice = Notice(
        question.asked_by_id, Topic.WORK, "Your question was answered", text, subject, f"answered:{question.pk}"
    )
    notify([notice], now=now)
    return step


def _resumed(step: ApprovalStep, stopped_at: datetime, now: datetime) -> dict[str, Any]:
    """The times of a step whose clock stood from the moment on."""
    hours = hours_for(step, now)
    ahead = step.escalates_at if step.escalated_at is None else None
    return {
        "due_at": resumed(hours, step.due_at or now, stopped_at, now),
        "escalates_at": resumed(hours, ahead, stopped_at, now) if ahead else step.escalates_at,
    }


def expire(step: ApprovalStep, *, actor: Actor, now: datetime) -> None:
    """Close a step, and its route, that nobody answered in time: a no, with no human behind it (rule 15)."""
    question = step.questions.filter(answered_at__isnull=True).first() if step.state == StepState.RETURNED else None
    why = f"Nobody decided by {minute(step.due_at or now)}"
    if question is not None:
        why = f"Nobody answered the question of {minute(question.asked_at)}"
    _decided(step, Vote(Verdict.REJECT, Provenance.TIMEOUT, None, 0, why), actor=actor, now=now)
    move(step, StepState.EXPIRED, actor=actor, why=why, now=now, closed_at=now, state_reason=why)
    _drop_others(step.route, actor=actor, why=why, now=now)
    _close(step.route, RouteState.EXPIRED, actor=actor, why=why, now=now)


def cancel(route: ApprovalRoute, *, actor: Actor, why: str, now: datetime) -> None:
    """Close a held route whose subject no longer asks; the subject is not called back."""
    _drop_others(route, actor=actor, why=why, now=now)
    move(route, RouteState.CANCELLED, actor=actor, why=why, now=now, closed_at=now)


def _drop_others(route: ApprovalRoute, *, actor: Actor, why: str, now: datetime) -> None:
    """Cancel every step that has not ended."""
    for step in locked_all(route.steps.exclude(state__in=ENDED_STEPS)):
        step.route = route
        move(step, StepState.CANCELLED, actor=actor, why=why, now=now, closed_at=now, state_reason=why)


def _close(route: ApprovalRoute, to: RouteState, *, actor: Actor, why: str, now: datetime) -> None:
    move(route, to, actor=actor, why=why, now=now, closed_at=now)
    subject = decidable(route.subject_kind)
    subject.on_decided(route.subject_id, outcome=str(to), actor=actor, why=why, now=now)
