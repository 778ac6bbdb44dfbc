"""Rule 13: a change, its version and its event commit together, or none of them does."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from governance.audit.models import AuditEvent
from governance.core import events
from governance.core.history import history_model
from governance.core.models import Governed
from governance.grants.actions import expire_due
from governance.grants.models import Grant
from tests.builders import Organisation, step_ids
from tests.core.log import columns_of, events_of, versions_of
from tests.leases import approve, begin, give_back, granted, leave, started

pytestmark = pytest.mark.django_db(transaction=True)


def everything() -> dict[str, int]:
    """How many rows each table of the portal holds."""
    counts = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("governance_", "audit_")):
                cursor.execute(f'SELECT count(*) FROM "{table}"')
                counts[table] = cursor.fetchone()[0]
    return counts


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


ACTS = [submits, approves, begins, gives_back, expires, leaves]


class TestAnAct:
    @pytest.mark.parametrize("act", ACTS)
    def test_leaves_nothing_when_its_last_event_cannot_be_recorded(
        self, act: Callable[[Organisation], Callable[[], Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = act(Organisation())
        rows, states = everything(), dict(Grant.objects.values_list("pk", "state"))
        appended = self.count(run_dry=run, monkeypatch=monkeypatch)
        for last in (1, appended):
            monkeypatch.setattr(events, "_recorder", Failing(last))
            with pytest.raises(OSError, match="disk"):
                run()
            assert everything() == rows
            assert dict(Grant.objects.values_list("pk", "state")) == states

    def count(self, run_dry: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
        """How often the act records something, counted by an attempt that fails at commit."""
        counting = Failing(10_000)
        monkeypatch.setattr(events, "_recorder", counting)
        with monkeypatch.context() as patched, pytest.raises(OSError, match="disk"):
            patched.setattr("django.db.transaction.Atomic.__exit__", refusing(counting))
            run_dry()
        return counting.calls


class Failing:
    """The log, until the disk is full."""

    def __init__(self, last: int) -> None:
        from governance.audit import moves

        self.calls, self.last, self.append = 0, last, moves.append

    def __call__(self, found: Any) -> None:
        self.calls += 1
        if self.calls >= self.last:
            raise OSError("disk is full")
        self.append(found)


def refusing(counting: Failing) -> Any:
    from django.db.transaction import Atomic

    leave_as_usual = Atomic.__exit__

    def leave_badly(self: Atomic, kind: Any, error: Any, trace: Any) -> None:
        if kind is None and self.durable:
            leave_as_usual(self, OSError, OSError("disk is full"), None)
            raise OSError("disk is full")
        leave_as_usual(self, kind, error, trace)

    return leave_badly


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
