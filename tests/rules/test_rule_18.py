"""Rule 18: nothing governed is deleted, whoever asks the database, and no role can remove a decision."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models

from governance.approvals.models import Decision
from governance.core.history import Unstamped, history_model
from governance.core.models import Recorded
from tests.builders import Organisation
from tests.leases import active, give_back, work
from tests.provisioning.things import Scripted
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

MAY_GO = {"governance_notification", "governance_mail", "governance_mailpreference", "governance_feedfile"}
"""Inboxes and mail: nothing rests on what was once told. Files of people: runs keep the digest and what they did."""
REFUSED = r"nothing governed is deleted.*\(rule 18\)|are append-only \(rule 1[38]\)|removed by redaction alone"


def tables() -> list[str]:
    """Every table of the portal, those of its history among them."""
    found = apps.get_app_config("governance").get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in found} - MAY_GO)


def governed() -> list[type[models.Model]]:
    return [model for model in apps.get_app_config("governance").get_models() if issubclass(model, Recorded)]


@pytest.fixture
def _a_life(memory: Scripted) -> None:
    """Rows in the tables: row triggers are silent on empty ones."""
    org = Organisation()
    give_back(active(org))
    work()


class TestTheDatabase:
    def test_refuses_truncate_on_every_table(self) -> None:
        for table in tables():
            with pytest.raises(IntegrityError, match=REFUSED):
                run(f'TRUNCATE "{table}" CASCADE')

    @pytest.mark.usefixtures("_a_life")
    def test_refuses_delete_on_every_table(self) -> None:
        tried = 0
        for table in tables():
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                if not cursor.fetchone()[0]:
                    continue
            tried += 1
            with pytest.raises(IntegrityError, match=REFUSED):
                run(f'DELETE FROM "{table}"')
        assert tried > 40

    def test_has_a_trigger_against_deletion_on_every_table(self) -> None:
        """Also on those that no test fills."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 8 = 8"
            )
            guarded = {row[0].strip('"') for row in cursor.fetchall()}
        assert not set(tables()) - guarded

    @pytest.mark.usefixtures("_a_life")
    @pytest.mark.parametrize(
        "table", ["decision", "verification", "policydecision", "historicalgrant", "historicalidentity"]
    )
    def test_refuses_update_of_what_is_append_only(self, table: str) -> None:
        with pytest.raises(IntegrityError, match="are append-only"):
            run(f"UPDATE governance_{table} SET id = id")

    def test_keeps_the_history_of_every_governed_model(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only_rows'")
            kept = {row[0] for row in cursor.fetchall()}
        histories = {history_model(model)._meta.db_table for model in governed() if history_model(model)}
        assert histories
        assert not histories - kept


class TestTheProduct:
    @pytest.mark.usefixtures("_a_life")
    def test_deletes_no_row_of_any_model(self) -> None:
        for model in governed():
            row = model._base_manager.first()
            if row is not None:
                with pytest.raises(Unstamped, match="rule 18"):
                    row.delete()

    @pytest.mark.usefixtures("_a_life")
    def test_removes_no_decision(self) -> None:
        with pytest.raises(IntegrityError, match=r"decisions are append-only \(rule 18\)"):
            run("DELETE FROM governance_decision")
        assert Decision.objects.count() == 2
