"""Rule 5: a task that runs twice, dies half-way or comes late changes nothing twice and loses nothing."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone

from config.paths import ROOT
from governance.access.models import Assignment, PresencePeriod, Verification
from governance.audit.models import AuditEvent
from governance.provisioning import actions
from governance.provisioning.calls import perform
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import AttemptOutcome, TaskState
from tests.harness.governed import Governed
from tests.provisioning.conftest import _governed_server, clock, governed, scripted, told
from tests.provisioning.things import (
    OVER_POSTGRES,
    SECOND,
    Clock,
    Scripted,
    Told,
    a_system,
    a_task,
    an_assignment,
    want,
)

__all__ = ["_governed_server", "clock", "governed", "scripted", "told"]

pytestmark = pytest.mark.django_db(transaction=True)

POINTS = ["claim", "call", "read_back", "record"]
LONG = timedelta(hours=1)


def die_at(point: str, task: ProvisioningTask, governed: Governed) -> None:
    """Run a worker that is killed at the point."""
    base, _, query = os.environ["DATABASE_URL"].partition("?")
    url = f"{base.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    env = {**os.environ, "DATABASE_URL": url, "TARGET_GOVERNED": governed.dsn}
    command = [sys.executable, "-m", "tests.harness.dying_worker", str(task.pk), point]
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


def a_governed_assignment(governed: Governed) -> tuple[Assignment, str, str]:
    login, role = governed.login(), governed.role()
    return an_assignment(a_system(*OVER_POSTGRES), login, role), login, role


class TestAWorkerKilled:
    @pytest.mark.parametrize("point", POINTS)
    def test_at_a_grant_leaves_nothing_lost_and_nothing_twice(self, governed: Governed, point: str) -> None:
        assignment, login, role = a_governed_assignment(governed)
        task = a_task(assignment, now=timezone.now())
        die_at(point, task, governed)
        task.refresh_from_db()
        assert task.state == TaskState.RUNNING
        assert governed.holds(login, role) == (point != "claim")
        assert not Verification.objects.exists()
        assert actions.run_task(task.pk, clock=timezone.now) is None, "the claim still stands"
        self.finish(task)
        assert governed.holds(login, role)
        assert governed.statements("GRANT", role) == 1
        assert PresencePeriod.objects.filter(ends_at=None).count() == 1

    @pytest.mark.parametrize("point", POINTS)
    def test_at_a_removal_leaves_nothing_lost_and_nothing_twice(self, governed: Governed, point: str) -> None:
        assignment, login, role = a_governed_assignment(governed)
        grant = a_task(assignment, now=timezone.now())
        actions.run_task(grant.pk, clock=timezone.now)
        removal = a_task(assignment, wanted=False, now=timezone.now())
        die_at(point, removal, governed)
        assert governed.holds(login, role) == (point == "claim")
        self.finish(removal)
        assert not governed.holds(login, role)
        assert governed.statements("REVOKE", role) == 1
        assert not PresencePeriod.objects.filter(ends_at=None).exists()

    def finish(self, task: ProvisioningTask) -> None:
        """The sweep finds the task once its claim has run out, and another worker ends it."""
        later = Clock(timezone.now() + LONG)
        assert actions.due(now=later()) == [task.pk]
        actions.run_task(task.pk, clock=later)
        task.refresh_from_db()
        assert task.state == TaskState.VERIFIED
        outcomes = list(task.attempts.order_by("number").values_list("outcome", flat=True))
        assert outcomes == [AttemptOutcome.ABANDONED, AttemptOutcome.PROVED]
        events = AuditEvent.objects.filter(subject_id=task.pk, action="provisioning_task.verified")
        assert events.count() == Verification.objects.filter(generation=task.generation).count() == 1


class TestTwins:
    def test_on_one_task_call_once(self, scripted: Scripted) -> None:
        for _ in range(50):
            task = a_task(an_assignment(a_system()), now=timezone.now())
            scripted.calls.clear()
            self.run_beside_each_other(task, 4)
            assert scripted.calls == ["present", "look"]
            task.refresh_from_db()
            assert task.state == TaskState.VERIFIED

    def run_beside_each_other(self, task: ProvisioningTask, workers: int) -> None:
        start = Barrier(workers)

        def work() -> None:
            try:
                start.wait()
                actions.run_task(task.pk, clock=timezone.now)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(work) for _ in range(workers)]:
                done.result()


class TestALateReport:
    """A worker is slow; meanwhile the assignment is wanted otherwise."""

    def test_of_an_old_generation_counts_for_nothing(self, scripted: Scripted, told: Told, clock: Clock) -> None:
        assignment = an_assignment(a_system())
        old = a_task(assignment)
        job = actions.claim(old.pk, now=clock())
        assert job is not None
        evidence = perform(job, clock)
        newer = a_task(assignment, wanted=False)
        assert actions.record(job, evidence, now=clock(), chance=0) == AttemptOutcome.SUPERSEDED
        old.refresh_from_db()
        assert old.state == TaskState.SUPERSEDED
        assert old.claimed_until is None
        assert old.attempts.get().outcome == AttemptOutcome.SUPERSEDED
        assert not Verification.objects.exists()
        assert not told.observed
        assert not told.failed
        newer.refresh_from_db()
        assert newer.next_attempt_at == clock(), "it need not wait for the claim any longer"
        actions.run_task(newer.pk, clock=clock)
        assert scripted.held == set()
        assert told.observed == [("absent", False, "seen absent")]

    def test_never_removes_what_was_leased_again(self, scripted: Scripted, told: Told, clock: Clock) -> None:
        """The slow removal changes the system after the newer grant was proven: that is proven anew."""
        assignment = an_assignment(a_system())
        actions.run_task(a_task(assignment).pk, clock=clock)
        removal = a_task(assignment, wanted=False)
        slow = actions.claim(removal.pk, now=clock())
        assert slow is not None
        want(assignment.pk, wanted=True, now=clock())
        clock.forward(LONG)
        actions.run_task(ProvisioningTask.objects.open().get().pk, clock=clock)
        evidence = perform(slow, lambda: slow.claimed_until - 20 * SECOND)
        assert scripted.held == set(), "the harm is done"
        actions.record(slow, evidence, now=clock(), chance=0)
        again = ProvisioningTask.objects.open().get()
        actions.run_task(again.pk, clock=clock)
        assert len(scripted.held) == 1
        again.refresh_from_db()
        assert again.state == TaskState.VERIFIED
        assert again.generation == 4

    def test_of_a_lost_claim_counts_for_nothing(self, scripted: Scripted, told: Told, clock: Clock) -> None:
        task = a_task(an_assignment(a_system()))
        slow = actions.claim(task.pk, now=clock())
        assert slow is not None
        evidence = perform(slow, clock)
        clock.forward(LONG)
        actions.run_task(task.pk, clock=clock)
        assert actions.record(slow, evidence, now=clock(), chance=0) == AttemptOutcome.SUPERSEDED
        assert Verification.objects.count() == len(told.observed) == 1
        assert scripted.calls == ["present", "look", "look"]
        assert not ProvisioningTask.objects.open().exists()
