from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from governance.access.models import Account
from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.catalog.models import Entitlement, System
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.connectors.queries import connector_of
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.provisioning.actions import run_task
from governance.provisioning.models import ProvisioningTask
from governance.separation.models import SeparationRuleVersion
from governance.separation.queries import keys_of
from governance.separation.states import VersionState
from tests.harness.scim import Application, _scim_process, scim
from tests.lifecycle import cataloguing

__all__ = ["_scim_process", "scim"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def demonstration(settings: Any, target_postgres: str, scim: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO_MODE = True
    monkeypatch.setenv("DEMO_TARGET_SCIM_URL", scim.url)
    monkeypatch.setenv("DEMO_TARGET_SCIM_TOKEN", scim.token)
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

    def test_knows_the_users_and_groups_of_the_application_by_their_ids(self, scim: Application) -> None:
        call_command("seed_demo")
        users = {one["id"]: one["userName"] for one in scim.ask("GET", "/Users?count=500")["Resources"]}
        groups = {one["id"]: one["displayName"] for one in scim.ask("GET", "/Groups?count=500")["Resources"]}
        for account in Account.objects.filter(system__key="helpdesk"):
            assert users[account.native_id] == account.login
        offered = Entitlement.objects.filter(system__key="helpdesk").values_list("key", flat=True)
        assert {groups[key] for key in offered} == {"Support agents", "Support exports"}
        assert "groups" in connector_of(System.objects.get(key="helpdesk").pk).check()

    def test_has_no_application_where_none_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("DEMO_TARGET_SCIM_URL")
        call_command("seed_demo")
        assert not System.objects.filter(key="helpdesk").exists()
        assert System.objects.filter(key="front-desk").exists()

    def test_keeps_a_bundle_apart_and_has_a_change_wait(self) -> None:
        call_command("seed_demo")
        rule = SeparationRuleVersion.objects.get(state=VersionState.IN_FORCE)
        assert keys_of(rule)["right"] == ["customer-care"]
        assert list(ProposedChange.objects.values_list("kind", "state").order_by("number")) == [
            ("bundle.new", ChangeState.APPLIED),
            ("separation_rule.publish", ChangeState.APPLIED),
            ("entitlement.edit", ChangeState.PROPOSED),
        ]

    def test_changes_nothing_the_second_time(self) -> None:
        call_command("seed_demo")
        before = Grant.objects.count(), ApprovalStep.objects.count()
        call_command("seed_demo")
        assert (Grant.objects.count(), ApprovalStep.objects.count()) == before

    def test_comes_back_from_its_catalogs_files(self, tmp_path: Path) -> None:
        call_command("seed_demo")
        before = cataloguing.export(tmp_path / "first")
        assert {"systems/helpdesk.yaml", "systems/payments-db.yaml", "systems/front-desk.yaml"} < before.keys()
        assert cataloguing.planned(tmp_path / "first").changes == []
        cataloguing.emptied()
        cataloguing.apply(tmp_path / "first")
        assert cataloguing.export(tmp_path / "second") == before
        assert cataloguing.apply(tmp_path / "second").is_idle

    def test_refuses_outside_demonstration_mode(self, settings: Any) -> None:
        settings.DEMO_MODE = False
        with pytest.raises(CommandError):
            call_command("seed_demo")
