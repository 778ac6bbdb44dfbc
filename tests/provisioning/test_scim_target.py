"""Assignments in a SCIM application, the real one and one that lies about what it has done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from governance.access.models import Assignment, Verification
from governance.access.states import Observation
from governance.provisioning import actions, rules
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import AttemptOutcome, TaskState
from tests.harness.scim import PATCH, Answer, Application, Asked, Say, answers, settings
from tests.provisioning.things import NOW, SECOND, Clock, Told, a_system, a_task, an_assignment

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@pytest.fixture
def standing(lying_scim: Application) -> Assignment:
    user, group = lying_scim.user(), lying_scim.group()
    system = a_system("scim", settings(lying_scim))
    return an_assignment(system, "a name that nobody has there", group, native_id=user)


def run(task: ProvisioningTask, clock: Clock) -> ProvisioningTask:
    actions.run_task(task.pk, clock=clock, chance=lambda: 0.5)
    task.refresh_from_db()
    return task


def does_nothing(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
    """A PATCH or DELETE is answered as if it had been carried out."""
    if asked["REQUEST_METHOD"] in {"PATCH", "DELETE"}:
        say("204 No Content", [])
        return [b""]
    return None


class TestAScimApplication:
    def test_is_changed_and_read_back_by_ids(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        user, group = standing.account.native_id, standing.entitlement.key
        assert run(a_task(standing), clock).state == TaskState.VERIFIED
        assert lying_scim.members(group) == [user]
        clock.forward(SECOND)
        assert run(a_task(standing, wanted=False, now=clock()), clock).state == TaskState.VERIFIED
        assert lying_scim.members(group) == []
        looks = Verification.objects.order_by("at")
        assert [look.observation for look in looks] == [Observation.PRESENT, Observation.ABSENT]
        assert {look.method for look in looks} == {"SCIM group"}

    def test_that_only_says_it_removed_is_never_believed(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        run(a_task(standing), clock)
        lying_scim.faults.append(does_nothing)
        removal = a_task(standing, wanted=False, now=clock())
        for _ in range(rules.FAST_RETRIES):
            run(removal, clock)
            clock.forward(HOUR)
            assert removal.state == TaskState.FAILED
        assert removal.escalated_at is not None
        assert {attempt.outcome for attempt in removal.attempts.all()} == {AttemptOutcome.CONTRADICTED}
        assert all("accepted" in attempt.said for attempt in removal.attempts.all())
        assert [seen for seen, _, _ in told.observed] == [Observation.PRESENT]
        lying_scim.faults.clear()
        assert run(removal, clock).state == TaskState.VERIFIED

    def test_that_only_says_it_added_is_never_believed(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        lying_scim.faults.append(does_nothing)
        assert run(a_task(standing), clock).state == TaskState.FAILED
        assert told.observed == []

    @pytest.mark.parametrize("name", ["Agents\0", "Agents" * 1000])
    def test_is_proven_whatever_it_calls_its_groups(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock, name: str
    ) -> None:
        user, group = standing.account.native_id, standing.entitlement.key
        replaced = {"op": "replace", "path": "displayName", "value": name}
        lying_scim.ask("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[replaced])
        assert run(a_task(standing), clock).state == TaskState.VERIFIED
        lying_scim.join(lying_scim.group(user, name=name), group, "Group")
        clock.forward(SECOND)
        removal = run(a_task(standing, wanted=False, now=clock()), clock)
        assert removal.state == TaskState.FAILED
        assert "Agents" in removal.last_error
        assert Verification.objects.latest("at").observation == Observation.OTHER_PATH

    def test_that_asks_for_patience_is_left_alone_for_so_long(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        lying_scim.faults.append(answers("PATCH", "429 Too Many Requests", Retry_After="700"))
        task = run(a_task(standing), clock)
        assert task.state == TaskState.FAILED
        assert task.next_attempt_at == NOW + 700 * SECOND

    def test_that_asks_for_ever_is_asked_again(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        lying_scim.faults.append(answers("GET", "429 Too Many Requests", Retry_After="99999999"))
        assert run(a_task(standing), clock).next_attempt_at == NOW + rules.LONGEST_PATIENCE

    def test_that_is_gone_proves_nothing(
        self, standing: Assignment, lying_scim: Application, told: Told, clock: Clock
    ) -> None:
        run(a_task(standing), clock)
        lying_scim.faults.append(answers("GET", "404 Not Found", b"<html>"))
        removal = run(a_task(standing, wanted=False, now=clock()), clock)
        assert removal.state != TaskState.VERIFIED
        assert [seen for seen, _, _ in told.observed] == [Observation.PRESENT]
