"""What a provisioning task does where no program reaches the system: it waits for people, and keeps reminding them.

The provisioning task stays running without a claim of anybody, so that it is never repeated blindly, and comes up again
at the deadline; a removal never dies. Callers hold the assignment and the provisioning task.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from governance.access.moves import Look
from governance.access.states import Observation, Proof
from governance.connectors.interface import ByHand
from governance.core.actor import Actor
from governance.core.ids import new_id
from governance.core.locking import locked_all
from governance.core.moves import amend, create, move, move_many
from governance.identities.models import Identity
from governance.identities.queries import GOVERNANCE_TEAM, members
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.provisioning import permissions
from governance.provisioning.models import ManualEvidence, ManualTask, ProvisioningTask
from governance.provisioning.states import IN_DOUBT, ManualState, Operation, TaskState

REMIND_EVERY = timedelta(days=1)


def hand_over(task: ProvisioningTask, connector: ByHand, *, actor: Actor, now: datetime) -> ManualTask:
    """Ask people for it; or, once they are late, remind them and the governance team."""
    manual = next(iter(locked_all(ManualTask.objects.with_names().filter(task=task.pk))), None)
    if manual is None:
        return _open(task, connector, actor=actor, now=now)
    manual.task = task
    _remind(manual, actor=actor, now=now)
    _wait(task, now + REMIND_EVERY, "It waits for a person, who is late", actor=actor, now=now)
    return manual


def _open(task: ProvisioningTask, connector: ByHand, *, actor: Actor, now: datetime) -> ManualTask:
    work = connector.work(wanted=task.operation == Operation.GRANT)
    _wait(task, now + work.term, "It waits for a person", actor=actor, now=now)
    manual = ManualTask(task=task, instructions=work.instructions, opened_at=now, due_at=now + work.term)
    create(manual, actor=actor, why="No program reaches this system", now=now)
    asked = permissions.asked_to_do(manual, now)
    if asked:
        tell(manual, asked, "is yours to do", manual.instructions, "asked", now=now)
    else:
        _remind(manual, actor=actor, now=now)
    return manual


def _wait(task: ProvisioningTask, until: datetime, why: str, *, actor: Actor, now: datetime) -> None:
    """Running, since somebody may be at it; claimed by nobody, so that no other work on the system waits for it."""
    waiting: dict[str, Any] = {
        "claim_token": task.claim_token or new_id(),
        "claimed_until": now,
        "next_attempt_at": until,
    }
    if task.state in IN_DOUBT:
        amend(task, "waiting", actor=actor, why=why, now=now, **waiting)
        return
    if task.state == TaskState.FAILED:
        move(task, TaskState.QUEUED, actor=actor, why=why, now=now)
    move(task, TaskState.RUNNING, actor=actor, why=why, now=now, **waiting)


def _remind(manual: ManualTask, *, actor: Actor, now: datetime) -> None:
    """Escalate once, and tell everybody concerned again each time."""
    if manual.escalated_at is None:
        why = "Nobody has done and confirmed it in time" if manual.due_at <= now else "Nobody can be asked for it"
        amend(manual, "escalated", actor=actor, why=why, now=now, escalated_at=now)
    done = manual.state == ManualState.DONE
    asked = permissions.asked_to_confirm(manual, now) if done else permissions.asked_to_do(manual, now)
    people = {one.pk: one for one in [*asked, *members(GOVERNANCE_TEAM, now)]}
    stage = "waits to be confirmed and is late" if done else "waits to be done and is late"
    body = f"It was due {manual.due_at:%d %b %Y %H:%M} UTC."
    tell(manual, people.values(), stage, body, f"late:{now:%Y-%m-%d}", now=now)


def tell(manual: ManualTask, people: Iterable[Identity], stage: str, body: str, once: str, *, now: datetime) -> None:
    """Put a message about the task in people's inboxes; said once to each under the same `once`."""
    title = f"{sentence(manual)} {stage}"
    notify(
        [
            Notice(one.pk, Topic.WORK, title, body, (ManualTask.NOUN, manual.pk), f"{once}:{manual.pk}")
            for one in people
        ],
        now=now,
    )


def sentence(manual: ManualTask) -> str:
    """What there is to do, in words: "Give Vault room badge to Lena Fischer"."""
    assignment = manual.task.assignment
    what, account = assignment.entitlement.name, assignment.account
    whom = account.identity.name if account.identity else account.login
    return f"Give {what} to {whom}" if manual.task.operation == Operation.GRANT else f"Take {what} from {whom}"


def look(manual: ManualTask, now: datetime) -> Look:
    """A person's confirmation as what was seen, marked as such: it rests on the file that is its evidence."""
    evidence: ManualEvidence = manual.evidence  # type: ignore[assignment]  # nothing is confirmed without one
    wanted = manual.task.operation == Operation.GRANT
    did = f"{manual.doer} did it, {manual.done_at:%d %b %Y %H:%M} UTC, and {manual.judge} confirmed it"
    return Look(
        observation=Observation.PRESENT if wanted else Observation.ABSENT,
        at=now,
        method="person's confirmation",
        source=f"{manual.task.assignment.account.system.name}, evidence {evidence.name}",
        answer_hash=evidence.sha256,
        detail=did,
        proof=Proof.CONFIRMATION,
    )


def close(task_ids: Collection[UUID], *, actor: Actor, why: str, now: datetime) -> None:
    """Close what people were asked for by provisioning tasks that are over."""
    held = locked_all(ManualTask.objects.waiting().filter(task__in=task_ids))
    move_many(held, ManualState.CLOSED, actor=actor, why=why, now=now)
