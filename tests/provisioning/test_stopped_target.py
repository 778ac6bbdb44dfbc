from datetime import timedelta

import pytest

from governance.provisioning import actions, rules
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import TaskState
from tests.harness.governed import Governed
from tests.provisioning.things import (
    OVER_POSTGRES,
    Clock,
    Told,
    a_system,
    a_task,
    an_assignment,
)

pytestmark = pytest.mark.django_db(transaction=True)

REMOVALS = 5
A_WHILE = timedelta(minutes=20)


class TestATargetThatIsStopped:
    def test_delays_removals_and_loses_none(self, governed: Governed, told: Told, clock: Clock) -> None:
        system = a_system(*OVER_POSTGRES)
        pairs = [(governed.login(), governed.role()) for _ in range(REMOVALS)]
        assignments = [an_assignment(system, *pair) for pair in pairs]
        self.drain([a_task(assignment) for assignment in assignments], clock)
        governed.stop()
        try:
            removals = [a_task(assignment, wanted=False, now=clock()) for assignment in assignments]
            for _ in range(rules.FAST_RETRIES):
                self.sweep_until_nothing_is_due(clock)
                clock.forward(A_WHILE)
            for removal in removals:
                removal.refresh_from_db()
                assert removal.state == TaskState.FAILED
                assert removal.escalated_at is not None
                assert "was not reached" in removal.last_error
        finally:
            governed.start()
        self.sweep_until_nothing_is_due(clock)
        for removal, (login, role) in zip(removals, pairs, strict=True):
            removal.refresh_from_db()
            assert removal.state == TaskState.VERIFIED
            assert not governed.holds(login, role)
            assert governed.statements("REVOKE", role) == 1
        assert [seen for seen, _, _ in told.observed].count("absent") == REMOVALS

    def test_delays_no_other_system(self, governed: Governed, told: Told, clock: Clock) -> None:
        healthy = an_assignment(a_system(*OVER_POSTGRES), governed.login(), governed.role())
        dead = a_system("postgres", {"dsn_env": "TARGET_GOVERNED", "connect_seconds": 1})
        crowd = [a_task(an_assignment(dead)) for _ in range(10)]
        single = a_task(healthy)
        due = actions.due(now=clock())
        assert single.pk in due
        assert len(set(due) & {task.pk for task in crowd}) == rules.AT_ONCE

    def drain(self, tasks: list[ProvisioningTask], clock: Clock) -> None:
        for task in tasks:
            actions.run_task(task.pk, clock=clock)
            task.refresh_from_db()
            assert task.state == TaskState.VERIFIED

    def sweep_until_nothing_is_due(self, clock: Clock) -> None:
        while due := actions.due(now=clock()):
            for task_id in due:
                actions.run_task(task_id, clock=clock, chance=lambda: 0.9)
