from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from governance.audit import actions, checking, merkle, queries, sealing, tree
from governance.audit.checkpoint import Checkpoint, Signer
from governance.audit.models import AuditCheck, AuditCheckpoint, AuditEvent
from governance.core.actor import Role
from tests.audit.builders import NOW, a_sealed_log, an_actor, append_many, as_superuser

pytestmark = pytest.mark.django_db(transaction=True)


def sequence(number: int) -> int:
    """The sequence of the event at that place of the log."""
    return AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)[number]


def verdict() -> AuditCheck:
    found = actions.check(now=NOW)
    assert found is not None
    return found


def a_changed_body() -> str:
    as_superuser("UPDATE audit_body SET line = replace(line, 'because', 'besides') WHERE sequence = %s", sequence(4))
    return f"the body of event {sequence(4)} is not the one that was sealed"


def swapped_bodies() -> str:
    one, other = sequence(2), sequence(5)
    as_superuser("UPDATE audit_body SET sequence = -1 WHERE sequence = %s", one)
    as_superuser("UPDATE audit_body SET sequence = %s WHERE sequence = %s", one, other)
    as_superuser("UPDATE audit_body SET sequence = %s WHERE sequence = -1", other)
    return f"the body of event {one} is not the one that was sealed"


def a_removed_event() -> str:
    gone = sequence(3)
    as_superuser("DELETE FROM audit_body WHERE sequence = %s", gone)
    as_superuser("DELETE FROM audit_event WHERE sequence = %s", gone)
    return f"event {gone} has been removed"


def a_removed_body() -> str:
    as_superuser("DELETE FROM audit_body WHERE sequence = %s", sequence(3))
    return f"the body of event {sequence(3)} is missing, and no redaction of it is recorded"


def a_changed_column(column: str, value: str) -> Callable[[], str]:
    def change() -> str:
        as_superuser(f"UPDATE audit_event SET {column} = {value} WHERE sequence = %s", sequence(6))
        return f"event {sequence(6)} and its body disagree about {column.replace('_', '.')}"

    return change


def a_changed_event_hash() -> str:
    as_superuser("UPDATE audit_event SET leaf_hash = sha256('x') WHERE sequence = %s", sequence(1))
    return f"event {sequence(1)} has another hash than the one that was sealed"


def a_rewritten_event() -> str:
    """Body, hash of the event and leaf all made to fit one another; only the tree tells."""
    place = sequence(4)
    as_superuser("UPDATE audit_body SET line = replace(line, 'because', 'besides') WHERE sequence = %s", place)
    for table in ("audit_event", "audit_leaf"):
        as_superuser(
            f"UPDATE {table} SET leaf_hash = sha256('\\x00'::bytea || convert_to(line, 'UTF8')) "
            f"FROM audit_body WHERE audit_body.sequence = {table}.sequence AND audit_body.sequence = %s",
            place,
        )
    return "is not what its leaves give"


def a_rewritten_tree() -> str:
    """The same, with the inner nodes made to fit as well; only the signed roots tell."""
    a_rewritten_event()
    with connection.cursor() as cursor:
        cursor.execute("SELECT leaf_hash FROM audit_leaf ORDER BY index")
        grown = merkle.tree([bytes(row[0]) for row in cursor.fetchall()])
    for (level, index), value in grown.items():
        as_superuser("UPDATE audit_node SET hash = %s WHERE level = %s AND index = %s", value, level, index)
    return "does not follow from its events"


def a_rewritten_root() -> str:
    """And the roots; only the signatures tell."""
    a_rewritten_tree()
    for point in AuditCheckpoint.objects.all():
        root = tree.root(point.size)
        forged = Signer(sealing.signer().name, bytes(32)).sign(Checkpoint(sealing.signer().name, point.size, root))
        as_superuser("UPDATE audit_checkpoint SET root = %s, note = %s WHERE size = %s", root, forged, point.size)
    return "is not signed as it should be: no valid signature"


def a_note_of_another_root() -> str:
    as_superuser("UPDATE audit_checkpoint SET note = (SELECT note FROM audit_checkpoint WHERE size = 4) WHERE size = 9")
    return "the checkpoint of 9 is not signed as it should be: its note says something else"


def a_removed_leaf() -> str:
    as_superuser("DELETE FROM audit_leaf WHERE index = 5")
    return "leaves between 0 and 9 are missing"


def a_removed_node() -> str:
    as_superuser("DELETE FROM audit_node WHERE level = 2 AND index = 1")
    return "node 1 on level 2 is not what its leaves give"


def a_leaf_of_nobody() -> str:
    as_superuser("INSERT INTO audit_leaf VALUES (9, -5, sha256('x'))")
    return "leaf 9 stands under no checkpoint"


HARMS = [
    a_changed_body,
    swapped_bodies,
    a_removed_event,
    a_removed_body,
    a_changed_column("action", "'thing.unmade'"),
    a_changed_column("subject_id", "uuid_v7()"),
    a_changed_column("actor_id", "uuid_v7()"),
    a_changed_column("actor_kind", "'system'"),
    a_changed_column("subject_kind", "'grant'"),
    a_changed_column("at", "at + interval '1 microsecond'"),
    a_changed_column("id", "uuid_v7()"),
    a_changed_event_hash,
    a_rewritten_event,
    a_rewritten_tree,
    a_rewritten_root,
    a_note_of_another_root,
    a_removed_leaf,
    a_removed_node,
    a_leaf_of_nobody,
]


class TestTheChecker:
    @pytest.mark.parametrize("harm", HARMS)
    def test_finds_harm_done_before_it_first_looks(self, harm: Callable[[], str]) -> None:
        a_sealed_log(4, 9)
        finding = harm()
        assert finding in verdict().finding
        assert finding in actions.check_all(now=NOW).finding

    @pytest.mark.parametrize("harm", HARMS)
    def test_finds_harm_done_to_what_it_has_seen_before(self, harm: Callable[[], str]) -> None:
        a_sealed_log(4, 9)
        assert verdict().ok
        finding = harm()
        assert finding in verdict().finding

    def test_finds_an_event_put_in_behind_the_checkpoint(self) -> None:
        a_sealed_log(3)
        append_many(1)
        as_superuser("UPDATE audit_event SET xid = '5'::xid8 WHERE sequence = %s", sequence(3))
        assert actions.seal(now=NOW) == 0
        assert f"event {sequence(3)} is older than the last checkpoint" in actions.check_all(now=NOW).finding

    def test_does_not_forget_a_finding_as_its_window_moves_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checking, "WINDOW", 4)
        a_sealed_log(16)
        assert verdict().ok
        a_changed_body()
        found = [verdict().ok for _ in range(6)]
        assert found == [True, False, False, False, False, False]

    def test_looks_at_everything_again_in_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checking, "WINDOW", 4)
        a_sealed_log(10)
        spans = [verdict() for _ in range(5)]
        assert [(span.again_from, span.again_to) for span in spans] == [(0, 0), (0, 4), (4, 8), (8, 10), (0, 4)]

    def test_takes_up_what_is_new_a_piece_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checking, "CHUNK", 4)
        a_sealed_log(2, 3, 9, 10)
        spans = [verdict() for _ in range(4)]
        assert [(span.from_size, span.to_size) for span in spans] == [(0, 3), (3, 9), (9, 10), (10, 10)]
        assert all(span.ok for span in spans)

    def test_finds_that_the_proof_which_auditors_would_get_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a_sealed_log(4)
        assert verdict().ok
        append_many(5, start=4)
        actions.seal(now=NOW)
        monkeypatch.setattr(tree, "consistency_proof", lambda _old, _new: [bytes(32)])
        assert verdict().finding == "the checkpoint of 9 is not proved to continue that of 4"

    def test_is_content_with_a_redacted_event(self) -> None:
        a_sealed_log(4)
        event = AuditEvent.objects.earliest("sequence")
        actions.redact(event_id=event.id, actor=an_actor(Role.SECURITY), reason="mistaken", now=NOW)
        actions.seal(now=NOW)
        assert verdict().ok
        assert actions.check_all(now=NOW).ok

    def test_says_nothing_of_an_empty_log(self) -> None:
        assert actions.check(now=NOW) is None
        assert not AuditCheck.objects.exists()


class TestCheckAuditLog:
    def test_says_what_was_verified(self) -> None:
        a_sealed_log(3)
        out = StringIO()
        call_command("check_audit_log", stdout=out)
        assert "Log verified: 3 events" in out.getvalue()

    def test_fails_with_what_was_found(self) -> None:
        a_sealed_log(9)
        finding = a_removed_event()
        with pytest.raises(CommandError, match=finding) as failed:
            call_command("check_audit_log", stdout=StringIO())
        assert failed.value.returncode == 1


class TestTheColophon:
    def test_says_nothing_before_the_first_seal(self) -> None:
        assert queries.latest_checkpoint() is None

    def test_says_what_the_last_check_said(self) -> None:
        a_sealed_log(4, 9)
        seal = queries.latest_checkpoint()
        assert seal is not None
        assert (seal.size, seal.ok, seal.checked_at, seal.sealed_at) == (9, None, None, NOW)
        actions.check(now=NOW)
        a_changed_body()
        actions.check(now=NOW + timedelta(minutes=1))
        seal = queries.latest_checkpoint()
        assert seal is not None
        assert (seal.ok, seal.checked_at) == (False, NOW + timedelta(minutes=1))
        assert "is not the one that was sealed" in seal.finding

    def test_is_one_query(self, django_assert_num_queries: Callable[..., object]) -> None:
        a_sealed_log(3)
        with django_assert_num_queries(1):  # type: ignore[attr-defined]
            queries.latest_checkpoint()


def test_audit_log_key_prints_what_verifies_the_checkpoints() -> None:
    out = StringIO()
    call_command("audit_log_key", stdout=out)
    assert out.getvalue().strip() == sealing.signer().verifier.vkey
