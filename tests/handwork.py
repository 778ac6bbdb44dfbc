"""People's tasks on a system that no program reaches, made through the actions that workers and people use."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from governance.access.models import Assignment
from governance.access.moves import hold_assignment
from governance.catalog.models import Entitlement, System
from governance.connectors import moves as connectors
from governance.core.actor import Actor
from governance.core.locking import locked, unit_of_work
from governance.identities.models import Identity
from governance.provisioning import actions, moves
from governance.provisioning.models import ManualTask
from tests import builders
from tests.leases import backed

TESTER = Actor.system("test")
SETTINGS = {
    "grant_instructions": "Hand the badge out at the front desk.",
    "revoke_instructions": "Take the badge back.",
    "grant_hours": 48,
    "revoke_hours": 4,
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def a_file(content: bytes = PNG, name: str = "badge.png", media_type: str = "image/png") -> SimpleUploadedFile:
    """A file as a browser sends it."""
    return SimpleUploadedFile(name, content, media_type)


def manual_system(owner: Identity, backup: Identity | None = None, **settings: Any) -> System:
    """A system on which people work."""
    made = builders.system(owner)
    if backup is not None:
        backed(made, backup)
    worked_by_hand(made, **settings)
    return made


@unit_of_work()
def worked_by_hand(system: System, **settings: Any) -> None:
    """Say that people work on the system."""
    connectors.connect(system, "manual", {**SETTINGS, **settings}, actor=TESTER, why="a test", now=timezone.now())


def asked(holder: Identity, on: System, *, now: datetime | None = None) -> ManualTask:
    """A task to give the holder a new entitlement of the system."""
    now = now or timezone.now()
    account = builders.account(holder, on)
    what = builders.entitlement(on, holder)
    return wanted(_assignment(account, what), True, now=now)


@unit_of_work()
def _assignment(account: Any, what: Entitlement) -> Assignment:
    return hold_assignment(account, what, actor=TESTER, why="a test", now=timezone.now())


def wanted(assignment: Assignment, level: bool, *, now: datetime | None = None) -> ManualTask:
    """Want the assignment to stand, or not, and have people asked for it."""
    now = now or timezone.now()
    actions.run_task(_wanted(assignment.pk, level, now), clock=lambda: now)
    return ManualTask.objects.with_names().get(task__assignment=assignment, task__generation=_generation(assignment))


@unit_of_work()
def _wanted(assignment_id: UUID, level: bool, now: datetime) -> UUID:
    held = locked(Assignment.objects.with_names(), assignment_id)
    task = moves.want(held, level, actor=TESTER, why="a test wants it", now=now)
    assert task is not None
    return task.pk


def _generation(assignment: Assignment) -> int:
    return Assignment.objects.get(pk=assignment.pk).generation


def done(manual: ManualTask, by: Identity, *, now: datetime | None = None, **given: Any) -> ManualTask:
    """The task, done and shown by somebody."""
    given = {"report": "The badge is out.", "evidence": a_file(), **given}
    return actions.do_by_hand(manual_id=manual.pk, actor=builders.actor(by), now=now or timezone.now(), **given)


def confirmed(manual: ManualTask, by: Identity | Actor, *, now: datetime | None = None) -> ManualTask:
    """The task, confirmed by somebody else."""
    who = by if isinstance(by, Actor) else builders.actor(by)
    seen = "Seen on the list at the desk."
    return actions.confirm_by_hand(manual_id=manual.pk, judgement=seen, actor=who, now=now or timezone.now())
