"""The mechanism of a route: one step after another, each asked of people resolved at that moment.

Callers hold the subject, then the route, then its steps. What was asked for is above and not known here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.approvals.models import ApprovalRoute, ApprovalStep, Comment, Decision, Question, StepApprover
from governance.approvals.queries import is_satisfied, repeats, resolve
from governance.approvals.rules import STEP_TERM, Asked
from governance.approvals.states import ENDED_STEPS, Provenance, RouteState, StepState, Verdict
from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.locking import locked, locked_all
from governance.core.moves import amend, create, move
from governance.core.subjects import decidable
from governance.identities.models import Identity
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.models import PolicyDecision
from governance.policy.states import CONSENTS
from governance.policy.words import minute

ROUTING = Actor.system("routing")
POLICY = Actor.system("policy")


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
        move(step, StepState.OPEN, actor=actor, why="Its turn", now=now, opened_at=now, due_at=now + STEP_TERM)
    for step in opening:
        ask_again(step, why="The step opened", now=now)
    return bool(opening)


def ask_again(step: ApprovalStep, *, why: str, now: datetime) -> None:
    """Resolve who is asked, end what no longer holds and tell those who are new. Nobody at all is recorded too.

    What need not be asked, since whoever would be has approved another step, is skipped and says so.
    While a question waits for its answer, nobody new is asked: that is done with the answer.
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
    _tell(step, [chosen[whom] for whom in fresh], now)


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


def _tell(step: ApprovalStep, asked: Collection[Asked], now: datetime) -> None:
    route = step.route
    said = decidable(route.subject_kind).describe(frozenset({route.subject_id}))[route.subject_id]
    names = Identity.objects.in_bulk({one.on_behalf_of for one in asked if one.on_behalf_of})
    body = f"Your {'consent' if step.consents else 'decision'} is asked as {step.get_kind_display().lower()}"
    subject, once = (ApprovalStep.NOUN, step.pk), f"asked:{step.pk}"
    notify(
        (
            Notice(one.identity_id, Topic.WORK, said.title, f"{body}{_place(one, names)}.", subject, once)
            for one in asked
        ),
        now=now,
    )


def _place(asked: Asked, names: Mapping[UUID, Identity]) -> str:
    return f", in the place of {names[asked.on_behalf_of]}" if asked.on_behalf_of else ""


@dataclass(frozen=True, slots=True)
class Vote:
    """A decision to be recorded: what it says, where it comes from, in whose place, and why."""

    verdict: Verdict
    provenance: Provenance
    decider: Identity | None
    on_behalf_of: Identity | None
    assurance: int
    reason: str


def vote(step: ApprovalStep, cast: Vote, *, actor: Actor, now: datetime) -> Decision:
    """Record a decision on a held, open step and let the route go on from it. Raises IllegalMove."""
    route = step.route
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
        at=now,
    )
    _recorded(decision, str(step), actor)
    _tell_delegator(step, decision, now)
    match cast.verdict:
        case Verdict.APPROVE | Verdict.CONSENT:
            _approved(step, decision, actor=actor, now=now)
        case Verdict.REJECT:
            _rejected(step, decision, actor=actor, now=now)
        case Verdict.RETURN:
            _returned(step, decision, actor=actor, now=now)
    return decision


def _tell_delegator(step: ApprovalStep, decision: Decision, now: datetime) -> None:
    """Whoever is decided for hears what was said in their place."""
    if decision.on_behalf_of_id is None:
        return
    title = f"{decision.decider} decided in your place: {decision.get_verdict_display().lower()}"
    body, once = f"{step}. {decision.reason}".strip(), f"decided:{decision.pk}"
    notice = Notice(decision.on_behalf_of_id, Topic.OUTCOME, title, body, (ApprovalStep.NOUN, step.pk), once)
    notify([notice], now=now)


def _recorded(decision: Decision, label: str, actor: Actor) -> Decision:
    decision.save(force_insert=True)
    record([_event(decision, label, actor)])
    return decision


def _event(decision: Decision, label: str, actor: Actor) -> Event:
    return Event(
        action=f"decision.{decision.verdict}",
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
        },
    )


def _approved(step: ApprovalStep, decision: Decision, *, actor: Actor, now: datetime) -> None:
    if is_satisfied(step, now):
        _go_on(step, actor=actor, why=decision.reason, now=now)
    else:
        ask_again(step, why="One of several has decided", now=now)
    for other in locked_all(step.route.steps.filter(state=StepState.OPEN).exclude(pk=step.pk)):
        other.route = step.route
        ask_again(other, why="Who approved one step decides no other", now=now)


def _go_on(step: ApprovalStep, *, actor: Actor, why: str, now: datetime) -> None:
    """As many as must have said yes: the step is done, and with the last one the route."""
    move(step, StepState.APPROVED, actor=actor, why=why, now=now, closed_at=now)
    _lead_on(step.route, actor=actor, why=why, now=now)


def _lead_on(route: ApprovalRoute, *, actor: Actor, why: str, now: datetime) -> None:
    """Go on to the next stage; where there is none, everybody who had to has said yes."""
    if not _advance(route, actor=actor, now=now):
        _close(route, RouteState.APPROVED, actor=actor, why=why, now=now)


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


def comment(route: ApprovalRoute, by: Identity, text: str, *, comment_id: UUID, actor: Actor, now: datetime) -> Comment:
    """Say something about a held route to the others who have to do with it."""
    said = Comment(pk=comment_id, route=route, author=by, text=text, at=now)
    said.save(force_insert=True)
    record(
        [
            Event(
                action=f"{Comment.NOUN}.made",
                actor=actor,
                subject_kind=route.NOUN,
                subject_id=route.pk,
                subject_label=str(route),
                reason=text,
                at=now,
                facts={"comment_id": str(said.pk)},
            )
        ]
    )
    asked = StepApprover.objects.filter(step__route=route, step__state=StepState.OPEN, ends_at__isnull=True)
    title, once = f"{route.subject_label} has a new comment", f"comment:{said.pk}"
    notify(
        (
            Notice(row.identity_id, Topic.WORK, title, text, (ApprovalStep.NOUN, row.step_id), once)
            for row in asked
            if row.identity_id != by.pk
        ),
        now=now,
    )
    decidable(route.subject_kind).on_commented(route.subject_id, said.pk, by=by.pk, text=text, now=now)
    return said


def lock_question(question: Question) -> Question:
    """Hold the question's route, step and itself; the subject is held already."""
    step = question.step
    locked(ApprovalRoute.objects.all(), step.route_id)
    question.step = locked(ApprovalStep.objects.select_related("route"), step.pk)
    held = locked(Question.objects.all(), question.pk)
    held.step = question.step
    return held


def answer(question: Question, by: Identity, text: str, *, actor: Actor, now: datetime) -> ApprovalStep:
    """Answer a question: its step opens again, its due time later by as long as the answer took."""
    step = question.step
    amend(question, "answered", actor=actor, why=text, now=now, answered_by=by, answer=text, answered_at=now)
    due_at = (step.due_at or now) + (now - question.asked_at)
    move(step, StepState.OPEN, actor=actor, why="Answered", now=now, due_at=due_at)
    ask_again(step, why="The question was answered", now=now)
    subject = (ApprovalStep.NOUN, step.pk)
    notice = Notice(
        question.asked_by_id, Topic.WORK, "Your question was answered", text, subject, f"answered:{question.pk}"
    )
    notify([notice], now=now)
    return step


def expire(step: ApprovalStep, *, actor: Actor, now: datetime) -> None:
    """Close a step, and its route, that nobody answered in time."""
    why = f"Nobody decided by {minute(step.due_at or now)}"
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
