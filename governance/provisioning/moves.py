"""What is wanted of an assignment, and the task that brings it about. Callers hold the assignment.

An assignment is driven to a level: `wanted` and its `generation` are raised under the assignment's lock, and a task
is for one generation. A worker that is still calling for an older one can't be stopped, so the next task waits
until that worker's claim has run out, or until it has reported; a late report changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from governance.access.models import Assignment
from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.moves import amend, create, move_many
from governance.core.wake import after_commit
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.queries import free_at
from governance.provisioning.states import Operation, TaskState

RUN = "provisioning.run"
"""The task that takes up one provisioning task; its message is only a wake-up."""


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
    if assignment.wanted == wanted:
        return None
    return _drive(assignment, wanted=wanted, actor=actor, why=why, now=now)


def again(assignment: Assignment, *, actor: Actor, why: str, now: datetime) -> ProvisioningTask:
    """Have what is wanted brought about and proven once more, as a generation of its own: after a dead task, in doubt.

    Raises LockError unless the assignment is held.
    """
    return _drive(assignment, wanted=assignment.wanted, actor=actor, why=why, now=now)


def _drive(assignment: Assignment, *, wanted: bool, actor: Actor, why: str, now: datetime) -> ProvisioningTask:
    generation = assignment.generation + 1
    verb = "wanted" if wanted else "unwanted"
    amend(assignment, verb, actor=actor, why=why, now=now, wanted=wanted, generation=generation)
    supersede(_open_tasks(assignment), actor=actor, why=f"Generation {generation} takes its place", now=now)
    task = ProvisioningTask(
        assignment=assignment,
        operation=Operation.GRANT if wanted else Operation.REVOKE,
        generation=generation,
        next_attempt_at=free_at(assignment.pk, now),
        created_at=now,
    )
    create(task, actor=actor, why=why, now=now)
    after_commit(RUN, task.pk)
    return task


def _open_tasks(assignment: Assignment) -> list[ProvisioningTask]:
    return locked_all(ProvisioningTask.objects.open().filter(assignment=assignment.pk))


def supersede(tasks: Sequence[ProvisioningTask], *, actor: Actor, why: str, now: datetime) -> None:
    """Close tasks whose generation is over. Their claims stay, to say until when somebody may still be calling."""
    move_many(tasks, TaskState.SUPERSEDED, actor=actor, why=why, now=now)
