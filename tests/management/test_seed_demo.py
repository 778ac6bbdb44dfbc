from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.provisioning.actions import run_task
from governance.provisioning.models import ProvisioningTask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demonstration(settings: Any, target_postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO_MODE = True
    monkeypatch.setenv("DEMO_TARGET_DSN", target_postgres)


def _work() -> None:
    """What the workers do with what was queued."""
    for pk in Grant.objects.filter(state=GrantState.APPROVED).values_list("pk", flat=True):
        grants.activate(grant_id=pk, now=timezone.now())
    for pk in ProvisioningTask.objects.open().values_list("pk", flat=True):
        run_task(pk, clock=timezone.now)


@pytest.mark.usefixtures("demonstration")
class TestSeedDemo:
    def test_makes_an_organisation_whose_leases_stand_on_the_target(self, target_postgres: str) -> None:
        call_command("seed_demo")
        _work()
        states = set(Grant.objects.values_list("state", flat=True))
        assert states == {GrantState.ACTIVE}
        with psycopg.connect(target_postgres) as server:
            held = server.execute(
                "SELECT pg_has_role('lena', 'payments_read', 'member'), pg_has_role('lena', 'payments_write', 'member')"
            ).fetchone()
        assert held == (True, False)
        waiting = set(ApprovalStep.objects.values_list("state", flat=True))
        assert {StepState.OPEN, StepState.RETURNED} <= waiting

    def test_changes_nothing_the_second_time(self) -> None:
        call_command("seed_demo")
        before = Grant.objects.count(), ApprovalStep.objects.count()
        call_command("seed_demo")
        assert (Grant.objects.count(), ApprovalStep.objects.count()) == before

    def test_refuses_outside_demonstration_mode(self, settings: Any) -> None:
        settings.DEMO_MODE = False
        with pytest.raises(CommandError):
            call_command("seed_demo")
