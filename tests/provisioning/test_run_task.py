from datetime import timedelta
from hashlib import sha256

import pytest

from governance.access.models import Assignment, PresencePeriod, Verification
from governance.access.states import Observation
from governance.audit.models import AuditEvent
from governance.connectors.interface import Refused, Unreachable
from governance.provisioning import actions, rules
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import AttemptOutcome, TaskState
from tests.provisioning.things import NOW, SECOND, Clock, Scripted, Told, a_system, a_task, an_assignment, raises

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def assignment() -> Assignment:
    return an_assignment(a_system())


def run(task: ProvisioningTask, clock: Clock, chance: float = 0.5) -> ProvisioningTask:
    actions.run_task(task.pk, clock=clock, chance=lambda: chance)
    task.refresh_from_db()
    return task


def verified_removal(assignment: Assignment, clock: Clock) -> ProvisioningTask:
    run(a_task(assignment), clock)
    return a_task(assignment, wanted=False, now=clock())


class TestSuccess:
    def test_is_what_was_read_back(self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock) -> None:
        task = run(a_task(assignment), clock)
        assert scripted.calls == ["present", "look"]
        assert task.state == TaskState.VERIFIED
        assert told.observed == [(Observation.PRESENT, True, "seen present")]
        verification = Verification.objects.get()
        assert (verification.observation, verification.generation) == (Observation.PRESENT, 1)
        assert verification.answer_hash == sha256(b"answer").hexdigest()
        assert PresencePeriod.objects.get().ends_at is None

    def test_keeps_what_the_call_said_apart_from_what_was_seen(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        attempt = run(a_task(assignment), clock).attempts.get()
        assert (attempt.said, attempt.seen) == ("present: done", "present: seen present")
        assert attempt.outcome == AttemptOutcome.PROVED
        assert attempt.verification == Verification.objects.get()
        assert attempt.started_at == attempt.called_at == attempt.observed_at == attempt.finished_at == NOW

    def test_ends_the_presence_when_removed(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        removal = verified_removal(assignment, clock)
        clock.forward(SECOND)
        assert run(removal, clock).state == TaskState.VERIFIED
        period = PresencePeriod.objects.get()
        assert (period.starts_at, period.ends_at) == (NOW, NOW + SECOND)
        assert told.observed[-1] == (Observation.ABSENT, False, "seen absent")

    def test_goes_on_with_the_next_of_the_system(self, scripted: Scripted, clock: Clock) -> None:
        system = a_system()
        first, second = (a_task(an_assignment(system)) for _ in range(2))
        a_task(an_assignment(a_system()))
        assert actions.run_task(first.pk, clock=clock) == second.pk
        assert actions.run_task(second.pk, clock=clock) is None

    def test_leaves_an_event_for_every_state(self, assignment: Assignment, scripted: Scripted, clock: Clock) -> None:
        task = run(a_task(assignment), clock)
        events = AuditEvent.objects.filter(subject_id=task.pk).order_by("sequence")
        assert [event.action.rpartition(".")[2] for event in events] == ["queued", "running", "succeeded", "verified"]


class TestFailure:
    def test_a_call_that_only_says_so_proves_nothing(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        scripted.on_change = lambda: "pretend"
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.FAILED
        assert task.next_attempt_at == NOW + SECOND
        assert told.observed == []
        assert told.failed == [("The call said: present: done. Read back: absent: seen absent", False)]
        assert task.attempts.get().outcome == AttemptOutcome.CONTRADICTED

    def test_is_tried_again_when_its_time_has_come(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        scripted.on_change = raises(Unreachable("gone", sent=False))
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.FAILED
        scripted.on_change = lambda: None
        run(task, clock)
        assert scripted.calls == ["present"]
        clock.forward(SECOND)
        assert run(task, clock).state == TaskState.VERIFIED
        assert scripted.calls == ["present", "look", "present", "look"]
        assert task.attempts_made == 2

    def test_does_not_repeat_what_stands_by_now(self, assignment: Assignment, scripted: Scripted, clock: Clock) -> None:
        scripted.on_change = raises(Unreachable("gone", sent=False))
        task = run(a_task(assignment), clock)
        scripted.held.add((assignment.account.login, assignment.entitlement.key))
        clock.forward(SECOND)
        assert run(task, clock).state == TaskState.VERIFIED
        assert scripted.calls == ["present", "look"]

    def test_of_a_grant_is_given_to_a_person_after_many_tries(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        scripted.on_change = raises(Unreachable("gone", sent=False))
        task = a_task(assignment)
        for _ in range(rules.GRANT_TRIES):
            assert task.state != TaskState.DEAD
            run(task, clock)
            clock.forward(DAY)
        assert task.state == TaskState.DEAD
        assert [dead for _, dead in told.failed] == [False] * (rules.GRANT_TRIES - 1) + [True]

    def test_of_a_grant_that_is_refused_is_given_to_a_person_at_once(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        scripted.on_change = raises(Refused("there is no such role"))
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.DEAD
        assert told.failed == [
            ("The call said: there is no such role. Read back: absent: seen absent", True),
        ]

    def test_of_a_removal_never_ends_it(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        removal = verified_removal(assignment, clock)
        scripted.on_change = raises(Refused("you may not"))
        for _ in range(30):
            run(removal, clock)
            assert removal.state == TaskState.FAILED
            assert removal.next_attempt_at - clock() <= rules.LONGEST_DELAY
            clock.forward(DAY)
        assert removal.escalated_at == NOW
        assert AuditEvent.objects.filter(action="provisioning_task.escalated").count() == 1
        assert not any(dead for _, dead in told.failed)
        scripted.on_change = lambda: None
        assert run(removal, clock).state == TaskState.VERIFIED

    def test_of_a_removal_is_escalated_after_the_fast_retries(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        removal = verified_removal(assignment, clock)
        scripted.on_change = raises(Unreachable("gone", sent=False))
        for attempt in range(1, rules.FAST_RETRIES + 1):
            assert removal.escalated_at is None, attempt
            run(removal, clock)
            clock.forward(DAY)
        assert removal.escalated_at is not None

    def test_of_a_connector_is_not_one_of_the_worker(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        scripted.after_change = raises(ZeroDivisionError("oops"))
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.VERIFIED
        assert task.attempts.get().said.startswith("The connector broke: ZeroDivisionError")

    def test_of_a_connector_puts_nothing_on_record_that_was_not_written_for_it(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        scripted.on_change = raises(ValueError("postgresql://ada:hunter2@db"))
        scripted.on_look = raises(KeyError("hunter2"))
        task = run(a_task(assignment), clock)
        attempt = task.attempts.get()
        assert "ValueError" in attempt.said
        assert "KeyError" in attempt.seen
        assert "hunter2" not in f"{attempt.said} {attempt.seen} {task.last_error} {told.failed}"
        assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ValueError, KeyError]

    def test_without_a_connector_says_so(self, assignment: Assignment, told: Told, clock: Clock) -> None:
        assert run(a_task(assignment), clock).state == TaskState.DEAD
        assert told.failed == [("The call said: No connector is configured for this system.", True)]

    def test_with_settings_that_broke_later_says_so(
        self, told: Told, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TARGET_GOVERNED", "host=/nowhere dbname=x")
        assignment = an_assignment(a_system("postgres", {"dsn_env": "TARGET_GOVERNED"}))
        monkeypatch.delenv("TARGET_GOVERNED")
        assert run(a_task(assignment), clock).state == TaskState.DEAD
        assert "TARGET_GOVERNED is not set" in told.failed[0][0]


class TestDoubt:
    """Unknown is neither failed nor repeated blindly."""

    def lost(self, scripted: Scripted) -> None:
        scripted.after_change = raises(Unreachable("the line broke"))
        scripted.on_look = raises(Unreachable("no answer"))

    def test_keeps_the_task_running_and_looks_first(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        self.lost(scripted)
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.RUNNING
        assert task.attempts.get().outcome == AttemptOutcome.UNKNOWN
        assert not Verification.objects.exists()
        clock.forward(SECOND)
        assert run(task, clock).state == TaskState.RUNNING
        assert scripted.calls == ["present", "look", "look"]
        scripted.on_look = lambda: None
        clock.forward(DAY)
        assert run(task, clock).state == TaskState.VERIFIED
        assert scripted.calls == ["present", "look", "look", "look"]

    def test_of_an_answer_that_says_nothing_is_doubt_too(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        scripted.on_look = lambda: Observation.UNKNOWN
        task = run(a_task(assignment), clock)
        assert task.state == TaskState.RUNNING
        assert Verification.objects.get().observation == Observation.UNKNOWN
        assert not PresencePeriod.objects.exists()

    def test_of_a_removal_is_escalated(self, assignment: Assignment, scripted: Scripted, clock: Clock) -> None:
        removal = verified_removal(assignment, clock)
        self.lost(scripted)
        for _ in range(rules.FAST_RETRIES):
            run(removal, clock)
            clock.forward(DAY)
        assert removal.state == TaskState.RUNNING
        assert removal.escalated_at is not None
        assert scripted.calls.count("absent") == 1

    def test_of_a_grant_ends_with_a_person(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        self.lost(scripted)
        task = a_task(assignment)
        for _ in range(rules.GRANT_TRIES):
            run(task, clock)
            clock.forward(DAY)
        assert task.state == TaskState.DEAD
        assert scripted.calls.count("present") == 1


class TestOtherPath:
    def test_keeps_a_removal_going_until_it_is_gone(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        removal = verified_removal(assignment, clock)
        scripted.paths = (("readers", "reports"),)
        run(removal, clock)
        assert removal.state == TaskState.FAILED
        assert removal.escalated_at is not None
        assert told.observed[-1][0] == Observation.OTHER_PATH
        assert told.failed == []
        assert Verification.objects.latest("pk").paths == [["readers", "reports"]]
        assert PresencePeriod.objects.get().ends_at is not None
        scripted.paths = ()
        clock.forward(DAY)
        assert run(removal, clock).state == TaskState.VERIFIED

    def test_may_rest_on_something_that_holds(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        removal = verified_removal(assignment, clock)
        scripted.paths, told.settles = (("readers", "reports"),), True
        assert run(removal, clock).state == TaskState.VERIFIED

    def test_is_no_proof_of_presence(
        self, assignment: Assignment, scripted: Scripted, told: Told, clock: Clock
    ) -> None:
        scripted.on_change = lambda: "pretend"
        scripted.paths, told.settles = (("readers", "reports"),), True
        assert run(a_task(assignment), clock).state == TaskState.FAILED


class TestAClaim:
    def test_is_for_one_worker(self, assignment: Assignment, scripted: Scripted, clock: Clock) -> None:
        task = a_task(assignment)
        assert actions.claim(task.pk, now=NOW) is not None
        assert actions.claim(task.pk, now=NOW + 39 * SECOND) is None

    def test_that_has_run_out_is_read_back_first(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        task = a_task(assignment)
        actions.claim(task.pk, now=NOW)
        clock.forward(40 * SECOND)
        assert run(task, clock).state == TaskState.VERIFIED
        assert scripted.calls == ["look", "present", "look"]
        outcomes = task.attempts.order_by("number").values_list("outcome", flat=True)
        assert list(outcomes) == [AttemptOutcome.ABANDONED, AttemptOutcome.PROVED]

    def test_that_runs_out_before_the_call_is_not_used(
        self, assignment: Assignment, scripted: Scripted, clock: Clock
    ) -> None:
        task = a_task(assignment)
        times = iter([NOW, NOW + DAY])
        actions.run_task(task.pk, clock=lambda: next(times, NOW + DAY))
        assert scripted.calls == []
        assert "the claim had run out" in task.attempts.get().said

    def test_leaves_room_for_other_systems(self, scripted: Scripted, clock: Clock) -> None:
        system = a_system()
        tasks = [a_task(an_assignment(system)) for _ in range(rules.AT_ONCE + 1)]
        claims = [actions.claim(task.pk, now=NOW) for task in tasks]
        assert [claim is not None for claim in claims] == [True] * rules.AT_ONCE + [False]
        assert actions.claim(a_task(an_assignment(a_system())).pk, now=NOW) is not None

    def test_of_nothing_is_nothing(self, assignment: Assignment) -> None:
        assert actions.claim(assignment.pk, now=NOW) is None


class TestDue:
    def test_takes_a_share_of_each_system(self, scripted: Scripted) -> None:
        crowd, other = a_system(), a_system()
        crowded = [a_task(an_assignment(crowd), now=NOW - SECOND) for _ in range(5)]
        single = a_task(an_assignment(other))
        a_task(an_assignment(other), now=NOW + SECOND)
        assert actions.due(now=NOW) == [*(task.pk for task in crowded[: rules.AT_ONCE]), single.pk]

    def test_finds_what_a_dead_worker_has_left(self, assignment: Assignment, scripted: Scripted) -> None:
        task = a_task(assignment)
        actions.claim(task.pk, now=NOW)
        assert actions.due(now=NOW + SECOND) == []
        assert actions.due(now=NOW + 40 * SECOND) == [task.pk]
