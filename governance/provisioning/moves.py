"""What is wanted of an assignment, and the task that brings it about. Callers hold the assignment.

An assignment is driven to a level: `wanted` and its `generation` are raised under the assignment's lock, and a task
is for one generation. A worker that is still calling for an older one can't be stopped, so the next task waits
until that worker's claim has run out, or until it has reported; a late report changes nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, F, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from governance.access.models import Assignment
from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.moves import amend_many, create_many, move_many
from governance.core.setmoves import amend_set, create_set, move_set
from governance.core.wake import after_commit
from governance.provisioning import handwork
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.queries import free_at
from governance.provisioning.states import OPEN_TASKS, Operation, TaskState

SWEEP = "provisioning.sweep"
"""The task that finds all that is due; one message for thousands."""

RUN = "provisioning.run"
"""The task that takes up one provisioning task; its message is only a wake-up."""

OVERTAKEN = "A newer generation takes its place"


def want(
    assignment: Assignment,
    wanted: bool,  # noqa: FBT001 - the second half of the sentence that the name begins
    *,
    actor: Actor,
    why: str,
    now: datetime,
) -> ProvisioningTask | None:
    """Say whether the assignment is to stand, and queue what brings it about. None if that was wanted already.

    Raises LockError unless the assignment is held.
    """
    return next(iter(want_many([assignment], {assignment.pk} if wanted else (), actor=actor, why=why, now=now)), None)


def want_many(
    assignments: Collection[Assignment], wanted: Collection[UUID], *, actor: Actor, why: str, now: datetime
) -> list[ProvisioningTask]:
    """Say of up to some hundreds of assignments whether each is to stand: those whose ids are `wanted`, no others.

    Queues a task for each whose level changes, and returns these; a constant number of statements. Raises LockError
    unless all are held. Call it once for all: tasks are locked in their order, which is not the assignments'.
    """
    changing = [assignment for assignment in assignments if assignment.wanted != (assignment.pk in wanted)]
    return _drive(changing, frozenset(wanted), actor=actor, why=why, now=now)


def unwant_set(
    assignments: "QuerySet[Assignment]", *, actor: Actor, why: str, now: datetime, limit: int
) -> frozenset[UUID]:
    """Say of up to `limit` assignments, all held, that they are not to stand, and queue their removals.

    Those that are not wanted already stay as they are; answers which changed. A statement each for levels, older tasks
    and new ones, and workers are woken once. What remains is what `want_many` would leave, but that one event records
    all new tasks.
    """
    by: dict[str, Any] = {"actor": actor, "why": why, "now": now}
    level: dict[str, Any] = {"wanted": False, "generation": F("generation") + 1}
    changed = [pk for (pk,) in amend_set(assignments.filter(wanted=True), "unwanted", limit=limit, **level, **by)]
    _supersede_set(changed, actor=actor, now=now)
    claims = ProvisioningTask.objects.claimed(now).filter(assignment=OuterRef("pk")).order_by()
    latest = Subquery(claims.values("assignment").annotate(latest=Max("claimed_until")).values("latest"))
    create_set(
        ProvisioningTask,
        Assignment.objects.filter(pk__in=changed),
        facts={"assignment_id": F("pk"), "operation": Operation.REVOKE.value, "generation": F("generation")},
        assignment=F("pk"),
        operation=Operation.REVOKE.value,
        generation=F("generation"),
        next_attempt_at=Coalesce(latest, Value(now, DateTimeField())),
        created_at=now,
        **by,
    )
    after_commit(SWEEP)
    return frozenset(changed)


def _supersede_set(assignment_ids: Collection[UUID], *, actor: Actor, now: datetime) -> None:
    """Close what was to be done for older generations, as `supersede` does with a few."""
    older = ProvisioningTask.objects.open().filter(assignment__in=assignment_ids)
    by: dict[str, Any] = {"actor": actor, "why": OVERTAKEN, "now": now}
    closed = move_set(older, OPEN_TASKS, TaskState.SUPERSEDED, limit=max(1, len(assignment_ids)), **by)
    if closed:
        handwork.close([pk for (pk,) in closed], **by)


def again(assignment: Assignment, *, actor: Actor, why: str, now: datetime) -> ProvisioningTask:
    """Have what is wanted brought about and proven once more, as a generation of its own: after a dead task, in doubt.

    Raises LockError unless the assignment is held.
    """
    wanted = frozenset({assignment.pk} if assignment.wanted else ())
    return _drive([assignment], wanted, actor=actor, why=why, now=now)[0]


def _drive(
    assignments: Sequence[Assignment], wanted: frozenset[UUID], *, actor: Actor, why: str, now: datetime
) -> list[ProvisioningTask]:
    """Raise the generation of each, close what was to be done for the older one, queue what is to be done now."""
    for verb, level in (("wanted", True), ("unwanted", False)):
        rows = [assignment for assignment in assignments if (assignment.pk in wanted) == level]
        amend_many(rows, verb, actor=actor, why=why, now=now, each=_next_generation, wanted=level)
    supersede(_open_tasks(assignments), actor=actor, why=OVERTAKEN, now=now)
    free = free_at([assignment.pk for assignment in assignments], now)
    tasks = [_task(assignment, free.get(assignment.pk, now), now) for assignment in assignments]
    create_many(tasks, actor=actor, why=why, now=now)
    for task in tasks:
        after_commit(RUN, task.pk)
    return tasks


def _next_generation(assignment: Assignment) -> dict[str, int]:
    return {"generation": assignment.generation + 1}


def _task(assignment: Assignment, due: datetime, now: datetime) -> ProvisioningTask:
    return ProvisioningTask(
        assignment=assignment,
        operation=Operation.GRANT if assignment.wanted else Operation.REVOKE,
        generation=assignment.generation,
        next_attempt_at=due,
        created_at=now,
    )


def _open_tasks(assignments: Sequence[Assignment]) -> list[ProvisioningTask]:
    """Those of all assignments, locked at once: taken one assignment after the other they would not ascend."""
    return locked_all(ProvisioningTask.objects.open().filter(assignment__in=[one.pk for one in assignments]))


def supersede(tasks: Sequence[ProvisioningTask], *, actor: Actor, why: str, now: datetime) -> None:
    """Close tasks whose generation is over, and what people were asked for by them.

    Their claims stay, to say until when somebody may still be calling.
    """
    move_many(tasks, TaskState.SUPERSEDED, actor=actor, why=why, now=now)
    if tasks:
        handwork.close([task.pk for task in tasks], actor=actor, why=why, now=now)
