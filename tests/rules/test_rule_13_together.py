"""Rule 13: a change, its version and its event commit together, or none of them does."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection
from django.utils import timezone

from governance.audit import moves as audit
from governance.audit.models import AuditEvent
from governance.core import events
from governance.core.events import Event
from governance.core.history import history_model
from governance.core.models import Governed
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from governance.provisioning.models import ProvisioningTask
from tests.builders import Organisation, step_ids
from tests.core.log import columns_of, events_of, versions_of
from tests.leases import approve, begin, give_back, granted, leave, started

pytestmark = pytest.mark.django_db(transaction=True)


def everything() -> dict[str, Any]:
    """How many rows each table of the portal holds, and what state grants and tasks are in."""
    with connection.cursor() as cursor:
        tables = [
            table
            for table in connection.introspection.table_names(cursor)
            if table.startswith(("governance_", "audit_"))
        ]
        cursor.execute(f"SELECT {', '.join(f'(SELECT count(*) FROM {table})' for table in tables)}")
        counts = dict(zip(tables, cursor.fetchone(), strict=True))
    states = [dict(model._base_manager.values_list("pk", "state")) for model in (Grant, ProvisioningTask)]
    return {**counts, "states": states}


def submits(org: Organisation) -> Callable[[], Any]:
    return org.submit


def approves(org: Organisation) -> Callable[[], Any]:
    step = step_ids(org.submit())[0]
    return lambda: approve(step, org.manager)


def begins(org: Organisation) -> Callable[[], Any]:
    grant = granted(org)
    return lambda: begin(grant)


def gives_back(org: Organisation) -> Callable[[], Any]:
    grant = started(org)
    return lambda: give_back(grant)


def expires(org: Organisation) -> Callable[[], Any]:
    grant = started(org)
    return lambda: expire_due(now=grant.ends_at)


def leaves(org: Organisation) -> Callable[[], Any]:
    started(org)
    return lambda: leave(org.owner)


ACTS = [submits, approves, begins, gives_back, leaves]


class Failing:
    """The log, until the disk is full: its n-th writing fails."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, found: Sequence[Event]) -> None:
        self.left -= 1
        if not self.left:
            raise OSError("disk is full")
        audit.append(found)


class TestAnAct:
    @pytest.mark.parametrize("act", ACTS)
    def test_leaves_nothing_whichever_of_its_events_cannot_be_recorded(
        self, act: Callable[[Organisation], Callable[[], Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = act(Organisation())
        before = everything()
        for at in count(1):
            log = Failing(at)
            monkeypatch.setattr(events, "_recorder", log)
            if succeeds(run):
                break
            assert everything() == before
        assert at > 1
        assert everything()["audit_event"] > before["audit_event"]


class TestAnActOnASet:
    @pytest.mark.parametrize("table", ["audit_event", "governance_historicalgrant", "governance_provisioningtask"])
    def test_leaves_nothing_when_one_of_its_statements_is_refused(self, table: str) -> None:
        """Its rows are written by the database itself, so it is the database that fails."""
        run = expires(Organisation())
        before = everything()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION pg_temp.full() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'disk is full'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION pg_temp.full()"
            )
        try:
            with pytest.raises(DatabaseError, match="disk is full"):
                run()
        finally:
            connection.cursor().execute(f"DROP TRIGGER full_disk ON {table}")
        assert everything() == before


def succeeds(run: Callable[[], Any]) -> bool:
    try:
        run()
    except OSError:
        return False
    return True


class TestEveryGovernedRow:
    def test_has_its_last_version_and_its_events(self) -> None:
        org = Organisation()
        grant = started(org)
        give_back(grant)
        leave(org.owner)
        checked = 0
        for model in apps.get_app_config("governance").get_models():
            if issubclass(model, Governed) and history_model(model):
                for row in model._base_manager.all():
                    self.agrees(row)
                    checked += 1
        assert checked > 30

    def agrees(self, row: Governed) -> None:
        version = versions_of(row)[-1]
        columns = columns_of(row)
        assert {name: version[name] for name in columns} == columns
        told = events_of(row.pk)
        assert told
        assert version["history_change_reason"]
        assert version["history_actor"]

    def test_changes_with_the_actor_and_the_reason_that_the_event_names(self) -> None:
        org = Organisation()
        grant = started(org)
        now = timezone.now()
        give_back(grant, now=now)
        version, event = versions_of(grant)[-1], events_of(grant.pk)[-1]
        assert event["action"] == "grant.revoking"
        assert (version["history_date"], event["at"]) == (now, now)
        assert version["history_actor"] == event["content"]["actor"]["label"] == org.requester.name
        assert version["history_change_reason"] == event["content"]["reason"] == "Done"
        assert AuditEvent.objects.filter(subject_id=grant.pk, actor_id=org.requester.pk).exists()
