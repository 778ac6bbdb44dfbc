import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.access.models import Assignment
from governance.audit.models import AuditEvent
from governance.core.locking import LockError, locked, locked_all, unit_of_work
from governance.provisioning import actions, moves
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import Operation, TaskState
from tests.provisioning.things import BY, NOW, SECOND, Scripted, a_system, a_task, an_assignment, want

pytestmark = pytest.mark.django_db


@pytest.fixture
def assignment() -> Assignment:
    return an_assignment(a_system())


class TestWant:
    def test_queues_one_task_for_each_change(self, assignment: Assignment) -> None:
        task = a_task(assignment)
        assignment.refresh_from_db()
        assert (assignment.wanted, assignment.generation) == (True, 1)
        assert (task.operation, task.generation, task.state) == (Operation.GRANT, 1, TaskState.QUEUED)
        assert task.next_attempt_at == NOW
        assert want(assignment.pk, wanted=True) is None

    def test_supersedes_what_was_wanted_before(self, assignment: Assignment) -> None:
        first, second = a_task(assignment), a_task(assignment, wanted=False)
        first.refresh_from_db()
        assert first.state == TaskState.SUPERSEDED
        assert (second.operation, second.generation) == (Operation.REVOKE, 2)
        assert ProvisioningTask.objects.open().get() == second

    def test_waits_for_whoever_may_still_be_calling(self, assignment: Assignment, scripted: Scripted) -> None:
        first = a_task(assignment)
        job = actions.claim(first.pk, now=NOW)
        assert job is not None
        second = a_task(assignment, wanted=False, now=NOW + SECOND)
        third = a_task(assignment, now=NOW + 2 * SECOND)
        first.refresh_from_db()
        assert first.state == TaskState.SUPERSEDED
        assert second.next_attempt_at == third.next_attempt_at == first.claimed_until == job.claimed_until
        assert actions.claim(third.pk, now=NOW + 3 * SECOND) is None

    def test_wakes_a_worker_after_the_commit(
        self,
        assignment: Assignment,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: "pytest.FixtureRequest",
    ) -> None:
        sent: list[tuple[object, ...]] = []
        monkeypatch.setattr(
            "governance.core.wake.current_app.send_task", lambda *args, **rest: sent.append((args, rest))
        )
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            task = a_task(assignment)
            assert not sent
        assert sent == [(("provisioning.run",), {"args": [str(task.pk)], "eta": None, "retry": False})]

    def test_needs_the_lock(self, assignment: Assignment) -> None:
        with pytest.raises(LockError), unit_of_work():
            moves.want(assignment, True, **BY)

    def test_is_recorded_with_its_task(self, assignment: Assignment) -> None:
        task = a_task(assignment)
        a_task(assignment, wanted=False)
        about = AuditEvent.objects.filter(subject_id__in=[assignment.pk, task.pk]).order_by("sequence")
        assert [event.action for event in about] == [
            "assignment.created",
            "assignment.wanted",
            "provisioning_task.queued",
            "assignment.unwanted",
            "provisioning_task.superseded",
        ]


class TestWantMany:
    def test_changes_only_what_is_wanted_otherwise_in_a_constant_number_of_statements(
        self,
    ) -> None:
        system = a_system()
        counts = []
        for number in (2, 20):
            standing = [an_assignment(system) for _ in range(number)]
            for one in reversed(standing):
                a_task(one)
            fresh = [an_assignment(system) for _ in range(number)]
            with CaptureQueriesContext(connection) as queries, unit_of_work():
                pks = [one.pk for one in [*standing, *fresh]]
                held = locked_all(Assignment.objects.with_names().filter(pk__in=pks))
                tasks = moves.want_many(held, [one.pk for one in [standing[0], *fresh]], **BY)
            assert [task.operation for task in tasks].count(Operation.GRANT) == number
            assert [task.operation for task in tasks].count(Operation.REVOKE) == number - 1
            assert {one.generation for one in held} == {1, 2}
            counts.append(len(queries))
        assert counts[0] == counts[1] < 20


class TestAgain:
    def test_queues_the_same_as_a_generation_of_its_own(self, assignment: Assignment) -> None:
        a_task(assignment)
        with unit_of_work():
            task = moves.again(locked(Assignment.objects.with_names(), assignment.pk), **BY)
        assert (task.operation, task.generation) == (Operation.GRANT, 2)
        assert ProvisioningTask.objects.open().get() == task


class TestTheDatabase:
    def test_holds_one_open_task_per_assignment(self, assignment: Assignment) -> None:
        task = a_task(assignment)
        with pytest.raises(IntegrityError, match="one_open_task_per_assignment"), transaction.atomic():
            ProvisioningTask.objects.bulk_create(
                [
                    ProvisioningTask(
                        assignment=assignment, operation="grant", generation=9, next_attempt_at=NOW, created_at=NOW
                    )
                ]
            )
        assert ProvisioningTask.objects.get() == task

    def test_lets_no_removal_die(self, assignment: Assignment) -> None:
        a_task(assignment)
        removal = a_task(assignment, wanted=False)
        with pytest.raises(IntegrityError, match="rule_04_a_removal_never_dies"), transaction.atomic():
            ProvisioningTask.objects.filter(pk=removal.pk).update(state=TaskState.DEAD)
