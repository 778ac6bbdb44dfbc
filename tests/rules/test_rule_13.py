"""Rule 13: audit events are append-only, whoever asks the database; redaction is an event itself."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from governance.audit import actions, moves
from governance.audit.models import AuditBody, AuditEvent
from governance.core.actor import Role
from governance.core.events import Event
from tests.audit.builders import NOW, a_sealed_log, an_actor, an_event, append

APPEND_ONLY = ["audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_check"]


def run(sql: str, *parameters: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass")
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def _a_log(transactional_db: None) -> None:
    a_sealed_log(3, 8)
    append(an_event(at=NOW.replace(year=1999)))
    actions.check(now=NOW)


@pytest.mark.usefixtures("_a_log")
class TestTheDatabaseRefuses:
    @pytest.mark.parametrize("table", APPEND_ONLY)
    def test_update(self, table: str) -> None:
        column = (
            "hash"
            if table == "audit_node"
            else {"audit_check": "finding", "audit_checkpoint": "root"}.get(table, "leaf_hash")
        )
        with pytest.raises(IntegrityError, match=r"are append-only \(rule 13\)"):
            run(f"UPDATE {table} SET {column} = {column}")

    @pytest.mark.parametrize("table", APPEND_ONLY)
    def test_delete(self, table: str) -> None:
        with pytest.raises(IntegrityError, match=r"are append-only \(rule 13\)"):
            run(f"DELETE FROM {table}")

    @pytest.mark.parametrize("table", [*APPEND_ONLY, "audit_body"])
    def test_truncate(self, table: str) -> None:
        with pytest.raises(IntegrityError, match=r"are append-only \(rule 13\)"):
            run(f"TRUNCATE {table}")

    def test_the_same_on_every_partition(self) -> None:
        run("SELECT audit_ensure_partitions(%s, 1)", NOW.replace(year=2040))
        run(
            "INSERT INTO audit_event (id, at, action, subject_kind, subject_id, actor_kind, leaf_hash) "
            "SELECT uuid_v7(), d, 'x', 'x', uuid_v7(), 'x', sha256('') "
            "FROM generate_series(now(), now() + interval '2 months', interval '1 month') AS d"
        )
        assert len(partitions()) >= 6
        for partition in partitions():
            for statement in ("TRUNCATE {}", "UPDATE {} SET action = ''", "DELETE FROM {}"):
                rows = run(f"SELECT FROM {partition}")
                if rows or "TRUNCATE" in statement:
                    with pytest.raises(IntegrityError, match="audit events are append-only"):
                        run(statement.format(partition))

    def test_a_changed_body(self) -> None:
        with pytest.raises(IntegrityError, match="bodies of audit events are append-only"):
            run("UPDATE audit_body SET line = '{}'")

    def test_a_removed_body(self) -> None:
        with pytest.raises(IntegrityError, match="removed by redaction alone"):
            run("DELETE FROM audit_body")


@pytest.mark.django_db(transaction=True)
class TestRedaction:
    def test_removes_the_body_and_keeps_event_and_hash(self) -> None:
        a_sealed_log(2)
        event = AuditEvent.objects.earliest("sequence")
        actions.redact(event_id=event.id, actor=an_actor(Role.SECURITY), reason="a name that was not ours", now=NOW)
        assert not AuditBody.objects.filter(pk=event.sequence).exists()
        kept = AuditEvent.objects.get(pk=event.sequence)
        assert (kept.leaf_hash, kept.content) == (event.leaf_hash, None)

    def test_is_an_event_itself(self) -> None:
        (event,) = append(an_event())
        actions.redact(event_id=event.id, actor=an_actor(Role.ADMINISTRATOR), reason="mistaken", now=NOW)
        redaction = AuditEvent.objects.latest("sequence")
        assert (redaction.action, redaction.subject_id) == ("audit_event.redacted", event.id)
        assert redaction.content is not None
        assert redaction.content["reason"] == "mistaken"
        assert redaction.content["facts"] == {"leaf_hash": bytes(event.leaf_hash).hex(), "sequence": event.sequence}

    def test_of_one_event_does_not_open_the_door_to_another(self) -> None:
        first, second = append(an_event(1), an_event(2))
        with transaction.atomic():
            moves.redact(first, actor=an_actor(), why="mistaken", now=NOW)
            with pytest.raises(IntegrityError, match="removed by redaction alone"):
                run("DELETE FROM audit_body WHERE sequence = %s", second.sequence)
        assert AuditBody.objects.filter(pk=second.sequence).exists()

    def test_recorded_earlier_does_not_allow_a_removal_now(self) -> None:
        (event,) = append(an_event())
        append(_a_redaction_of(event.id))
        with pytest.raises(IntegrityError, match="removed by redaction alone"):
            run("DELETE FROM audit_body WHERE sequence = %s", event.sequence)


def _a_redaction_of(event_id: UUID) -> Event:
    return an_event(action="audit_event.redacted", subject_kind="audit_event", subject_id=event_id)
