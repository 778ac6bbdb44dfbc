"""A worker's turn at one task: claim, call, read back, record.

Claim and record are short transactions; between them nothing is locked and nobody knows yet what the system holds.
The worker may die at any point, come late, or run beside a twin: the claim's token and the assignment's generation,
compared under the lock, decide whether what it reports counts (rule 5). A report that does not count changes nothing.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from uuid import UUID

from governance.access.models import Account, Assignment
from governance.access.moves import record_look
from governance.connectors.interface import AccountName, ByHand, Connector, Refused
from governance.connectors.queries import connector_of
from governance.core import files
from governance.core.actor import Actor, ActorKind
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.ids import new_id
from governance.core.locking import locked, locked_all, unit_of_work
from governance.core.moves import amend, move
from governance.core.seen import AsSeen, unsaid
from governance.core.subjects import provable
from governance.core.wake import after_commit
from governance.identities.models import Identity
from governance.provisioning import handwork, moves, permissions, rules
from governance.provisioning.calls import Clock, Evidence, Job, perform
from governance.provisioning.files import require_intact
from governance.provisioning.models import ManualEvidence, ManualTask, ProvisioningTask, TaskAttempt
from governance.provisioning.queries import due_ids, free_at, has_room, next_due_id
from governance.provisioning.states import IN_DOUBT, AttemptOutcome, ManualState, Operation, TaskState

if TYPE_CHECKING:
    from django.core.files.base import File

WORKER = Actor.system("provisioning")
SWEEP_MOST = 200

Chance = Callable[[], float]
CHANCE: Chance = SystemRandom().random


def run_task(task_id: UUID, *, clock: Clock, chance: Chance = CHANCE) -> UUID | None:
    """Take one task up, if it is due and nobody else has it, and see it through.

    `clock` tells the time, aware and in UTC; `chance` draws from [0, 1) for the backoff. Returns the task of the
    same system to go on with: none when this one was not taken up, or the system did not answer.
    """
    job = claim(task_id, now=clock())
    if job is None:
        return None
    evidence = perform(job, clock)
    outcome = record(job, evidence, now=clock(), chance=chance())
    silent = outcome in {AttemptOutcome.UNREACHABLE, AttemptOutcome.UNKNOWN}
    return None if silent else next_due_id(job.system_id, clock())


def due(*, now: datetime) -> list[UUID]:
    """Tasks that no wake-up has brought to a worker, abandoned ones among them; a bounded number of each system."""
    return due_ids(now, per_system=rules.AT_ONCE, most=SWEEP_MOST)


@unit_of_work()
def claim(task_id: UUID, *, now: datetime) -> Job | None:
    """Make the task this worker's for as long as its calls can take. None if it is not due, or its system is busy.

    None as well where people do the work: they are asked, or reminded.
    """
    assignment = next(iter(locked_all(Assignment.objects.with_names().filter(tasks=task_id))), None)
    if assignment is None:
        return None
    task = next(iter(locked_all(ProvisioningTask.objects.due(now).filter(pk=task_id))), None)
    if task is None or not has_room(assignment.account.system_id, now):
        return None
    task.assignment = assignment
    if task.generation != assignment.generation:
        moves.supersede([task], actor=WORKER, why="The assignment has moved on", now=now)
        return None
    connector = _connector(assignment)
    if isinstance(connector, ByHand):
        handwork.hand_over(task, connector, actor=WORKER, now=now)
        return None
    return _claimed(task, connector, now)


def _connector(assignment: Assignment) -> Connector | Refused:
    try:
        return connector_of(assignment.account.system_id)
    except Refused as refused:
        return refused


def _claimed(task: ProvisioningTask, connector: Connector | Refused, now: datetime) -> Job:
    in_doubt = task.state in IN_DOUBT
    token, lease = new_id(), _lease(connector)
    _take(task, token, now + lease, now)
    attempt = TaskAttempt(task=task, number=task.attempts_made, claim_token=token, started_at=now)
    attempt.save(force_insert=True)
    account = task.assignment.account
    return Job(
        task_id=task.pk,
        attempt_id=attempt.pk,
        assignment_id=task.assignment_id,
        system_id=account.system_id,
        token=token,
        claimed_until=now + lease,
        wanted=task.operation == Operation.GRANT,
        login=_called(account, connector),
        entitlement=task.assignment.entitlement.key,
        connector=connector,
        look_first=task.attempts_made > 1,
        in_doubt=in_doubt,
    )


def _called(account: Account, connector: Connector | Refused) -> str:
    """What the connector calls the account by."""
    by_id = not isinstance(connector, Refused) and connector.accounts_by == AccountName.NATIVE_ID
    return account.native_id if by_id else account.login


def _lease(connector: Connector | Refused) -> timedelta:
    return rules.lease(0 if isinstance(connector, Refused) else connector.deadlines.total)


def _take(task: ProvisioningTask, token: UUID, until: datetime, now: datetime) -> None:
    number = task.attempts_made + 1
    claim: dict[str, Any] = {"claim_token": token, "claimed_until": until, "attempts_made": number}
    if task.state in IN_DOUBT:
        _abandon(task, now)
        amend(task, "resumed", actor=WORKER, why="Its outcome is not known", now=now, **claim)
        return
    if task.state == TaskState.FAILED:
        move(task, TaskState.QUEUED, actor=WORKER, why="Its time has come again", now=now)
    move(task, TaskState.RUNNING, actor=WORKER, why=f"Attempt {number}", now=now, **claim)


def _abandon(task: ProvisioningTask, now: datetime) -> None:
    """The attempts of workers that never reported: nobody knows how far they came."""
    for attempt in task.attempts.filter(finished_at__isnull=True):
        _finish(attempt, AttemptOutcome.ABANDONED, now)


def _finish(attempt: TaskAttempt, outcome: AttemptOutcome, now: datetime) -> None:
    attempt.outcome = outcome
    attempt.finished_at = max(now, attempt.started_at)
    attempt.save()


@unit_of_work()
def record(job: Job, evidence: Evidence, *, now: datetime, chance: float) -> AttemptOutcome:
    """Write down what an attempt has shown, and let what rests on the assignment know: one transaction."""
    assignment = locked(Assignment.objects.with_names(), job.assignment_id)
    provable().lock(assignment.pk)
    task, successors = _held(assignment, job)
    task.assignment = assignment
    attempt = TaskAttempt.objects.get(pk=job.attempt_id)
    attempt.called_at, attempt.observed_at = evidence.called_at, evidence.observed_at
    attempt.said, attempt.seen = evidence.said, evidence.seen
    if task.claim_token != job.token or task.state not in IN_DOUBT:
        return _too_late(attempt, task, successors, overdue=job.claimed_until <= now, now=now)
    outcome = evidence.outcome(wanted=job.wanted)
    _keep_look(attempt, assignment, evidence, now)
    _finish(attempt, outcome, now)
    match outcome:
        case AttemptOutcome.PROVED:
            _succeed(task, evidence, now)
            _tell(assignment, evidence, now)
        case AttemptOutcome.OTHER_PATH if _tell(assignment, evidence, now):
            _succeed(task, evidence, now)
        case _:
            _try_again(task, outcome, evidence, now, chance)
    return outcome


def _held(assignment: Assignment, job: Job) -> tuple[ProvisioningTask, list[ProvisioningTask]]:
    """The job's task, and the open one that may have taken its place; ids ascend, and so do generations."""
    rows = ProvisioningTask.objects.filter(assignment=assignment.pk)
    found = locked_all(rows.filter(pk=job.task_id) | rows.open())
    return (
        next(task for task in found if task.pk == job.task_id),
        [task for task in found if task.pk != job.task_id],
    )


def _too_late(
    attempt: TaskAttempt, task: ProvisioningTask, successors: list[ProvisioningTask], *, overdue: bool, now: datetime
) -> AttemptOutcome:
    """What came late counts for nothing. But it may have changed the system after its successor had looked.

    In time, the successor has been waiting for this report and goes on at once. After the claim had run out a newer
    generation may have been proven already, so a call of ours means that all has to be proven anew.
    """
    _finish(attempt, AttemptOutcome.SUPERSEDED, now)
    if task.claim_token == attempt.claim_token:
        amend(task, "released", actor=WORKER, why="Its worker has reported", now=now, claimed_until=None)
    assignment = task.assignment
    if overdue and attempt.called_at is not None and assignment.generation != task.generation:
        moves.again(assignment, actor=WORKER, why="A late call may have undone what was proven", now=now)
    else:
        _hasten(successors, assignment, now)
    return AttemptOutcome.SUPERSEDED


def _hasten(successors: list[ProvisioningTask], assignment: Assignment, now: datetime) -> None:
    """Let those go on that have been waiting for an older claim."""
    free = free_at([assignment.pk], now).get(assignment.pk, now)
    for successor in successors:
        if successor.state == TaskState.QUEUED and successor.next_attempt_at > free:
            successor.assignment = assignment
            why = "Nobody is calling for an older generation any more"
            amend(successor, "due", actor=WORKER, why=why, now=now, next_attempt_at=free)
            after_commit(moves.RUN, successor.pk)


def _keep_look(attempt: TaskAttempt, assignment: Assignment, evidence: Evidence, now: datetime) -> None:
    if evidence.look is not None:
        attempt.verification = record_look(assignment, evidence.look, actor=WORKER, why="Read back", now=now)


def _tell(assignment: Assignment, evidence: Evidence, now: datetime) -> bool:
    """Tell what rests on the assignment what was seen. Answers whether other paths settle a removal."""
    if evidence.look is None:
        return False
    return provable().on_observed(
        assignment.pk,
        evidence.look.observation,
        wanted=assignment.wanted,
        detail=evidence.look.detail,
        actor=WORKER,
        now=now,
    )


def _succeed(task: ProvisioningTask, evidence: Evidence, now: datetime) -> None:
    if task.state == TaskState.RUNNING:
        said = evidence.said or "Nothing had to be changed"
        move(task, TaskState.SUCCEEDED, actor=WORKER, why=said, now=now)
    done: dict[str, Any] = {"claimed_until": None, "claim_token": None, "last_error": ""}
    move(task, TaskState.VERIFIED, actor=WORKER, why=evidence.seen, now=now, **done)


def _try_again(
    task: ProvisioningTask, outcome: AttemptOutcome, evidence: Evidence, now: datetime, chance: float
) -> None:
    """Back off. An unknown outcome is no failure: the task stays running, and whoever takes it up looks first."""
    retry = rules.after_failure(task.operation, task.attempts_made, outcome, chance)
    why = evidence.words()
    wait = max(retry.delay, rules.patience(evidence.patience))
    changes: dict[str, Any] = {"next_attempt_at": now + wait, "claimed_until": now, "last_error": why}
    if outcome == AttemptOutcome.UNKNOWN and not retry.dead:
        amend(task, "unknown", actor=WORKER, why=why, now=now, **changes)
    else:
        move(task, TaskState.FAILED, actor=WORKER, why=why, now=now, **changes)
    if retry.dead:
        move(task, TaskState.DEAD, actor=WORKER, why=why, now=now)
    if retry.escalate and task.escalated_at is None:
        amend(task, "escalated", actor=WORKER, why=why, now=now, escalated_at=now)
    if outcome != AttemptOutcome.OTHER_PATH:
        provable().on_failed(task.assignment_id, reason=why, dead=retry.dead, actor=WORKER, now=now)


def do_by_hand(
    *,
    manual_id: UUID,
    report: str,
    evidence: "File[bytes]",
    actor: Actor,
    now: datetime,
    as_seen: AsSeen = unsaid,
) -> ManualTask:
    """Say that a person's task is done, in words and with a file that shows it.

    Raises Invalid for a file that can't be taken, NotFound, Denied, and Conflict when somebody was first.
    """
    if not permissions.visible(actor, now).filter(pk=manual_id).exists():
        raise NotFound
    with files.keeping(evidence) as kept:
        return _done(manual_id, report, kept, actor=actor, now=now, as_seen=as_seen)


@unit_of_work()
def _done(
    manual_id: UUID, report: str, kept: files.Kept, *, actor: Actor, now: datetime, as_seen: AsSeen
) -> ManualTask:
    manual = permissions.lock(actor, "do", manual_id, now)
    as_seen()
    doer = _person(actor)
    shown = ManualEvidence(manual_task=manual, giver=doer, given_at=now, **asdict(kept))
    shown.save(force_insert=True)
    facts = {"evidence_name": kept.name, "evidence_sha256": kept.sha256, "evidence_bytes": kept.size}
    done: dict[str, Any] = {"doer": doer, "done_at": now, "report": report, "evidence": shown}
    move(manual, ManualState.DONE, actor=actor, why=report, now=now, facts=facts, **done)
    asked = permissions.asked_to_confirm(manual, now)
    handwork.tell(manual, asked, "waits for you to confirm it", report, f"done:{shown.pk}", now=now)
    return manual


def confirm_by_hand(
    *, manual_id: UUID, judgement: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> ManualTask:
    """Confirm what somebody else has done: it stands for the reading back of a system that can't be read.

    Raises NotFound, Denied for the holder and for whoever has done it, Conflict when it is at another stage or its
    evidence is not what was given.
    """
    seen = permissions.visible(actor, now).select_related("evidence", "task").filter(pk=manual_id).first()
    if seen is None:
        raise NotFound
    if permissions.can(actor, "confirm", seen, now):
        require_intact(seen.evidence)
    look = _Looked(seen.task, seen.evidence_id, as_seen)
    return _confirmed(manual_id, look, judgement, actor=actor, now=now)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was read of a task before it was locked, and has to hold still."""

    task: ProvisioningTask
    evidence_id: UUID | None
    as_seen: AsSeen


@unit_of_work()
def _confirmed(manual_id: UUID, look: _Looked, judgement: str, *, actor: Actor, now: datetime) -> ManualTask:
    assignment = locked(Assignment.objects.with_names(), look.task.assignment_id)
    provable().lock(assignment.pk)
    task = locked(ProvisioningTask.objects.all(), look.task.pk)
    manual = permissions.lock(actor, "confirm", manual_id, now)
    if manual.evidence_id != look.evidence_id:
        raise Conflict("There is other evidence by now: look at it first.", code="evidence_changed")
    look.as_seen()
    task.assignment = assignment
    manual.task = task
    judged: dict[str, Any] = {"judge": _person(actor), "judged_at": now, "judgement": judgement}
    move(manual, ManualState.CONFIRMED, actor=actor, why=judgement or "Confirmed", now=now, **judged)
    _prove_by_hand(manual, actor=actor, now=now)
    return manual


def _prove_by_hand(manual: ManualTask, *, actor: Actor, now: datetime) -> None:
    """Record the confirmation as what was seen, and let what rests on the assignment know."""
    task = manual.task
    look = handwork.look(manual, now)
    evidence = Evidence(said=manual.report, seen=look.detail, look=look, called_at=manual.done_at, observed_at=now)
    amend(task, "taken_up", actor=actor, why="A person has done it", now=now, attempts_made=task.attempts_made + 1)
    attempt = TaskAttempt(task=task, number=task.attempts_made, claim_token=new_id(), started_at=manual.done_at or now)
    attempt.called_at, attempt.observed_at = evidence.called_at, evidence.observed_at
    attempt.said, attempt.seen = evidence.said, evidence.seen
    attempt.verification = record_look(task.assignment, look, actor=actor, why="Confirmed by a person", now=now)
    _finish(attempt, AttemptOutcome.PROVED, now)
    _succeed(task, evidence, now)
    _tell(task.assignment, evidence, now)


@unit_of_work()
def send_back(*, manual_id: UUID, judgement: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> ManualTask:
    """Have a task done again, saying why. Raises NotFound, Denied, Conflict, and Invalid without a reason."""
    if not judgement.strip():
        raise Invalid({"judgement": "Say what is missing: it is done again by what you write."})
    manual = permissions.lock(actor, "send_back", manual_id, now)
    as_seen()
    judged: dict[str, Any] = {"judge": _person(actor), "judged_at": now, "judgement": judgement}
    move(manual, ManualState.SENT_BACK, actor=actor, why=judgement, now=now, **judged)
    doer = [manual.doer] if manual.doer and manual.doer.acts(now) else []
    people = {one.pk: one for one in [*doer, *permissions.asked_to_do(manual, now)]}
    handwork.tell(manual, people.values(), "was sent back", judgement, f"back:{manual.evidence_id}", now=now)
    return manual


def _person(actor: Actor) -> Identity:
    """The identity that acts. Raises Denied where none is linked, and for machine identities."""
    if actor.identity_id is None or actor.kind != ActorKind.HUMAN:
        raise Denied("Only a person does or confirms this.")
    return Identity.objects.get(pk=actor.identity_id)
