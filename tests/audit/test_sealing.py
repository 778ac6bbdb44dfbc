import random
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import combinations
from threading import Event as Flag
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connection, transaction

from governance.audit import actions, merkle, moves, queries, sealing, tree
from governance.audit.checkpoint import Checkpoint
from governance.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from tests.audit.builders import NOW, a_sealed_log, an_event, append, append_many, as_superuser

T = TypeVar("T")

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(work: Callable[..., T], *args: Any) -> T:
    """Run in this thread, which is another than the test's, and give its connection back."""
    try:
        return work(*args)
    finally:
        connection.close()


@contextmanager
def an_open_transaction() -> Iterator[None]:
    """Somebody else has appended an event and not committed yet; at the end of the block it commits."""
    appended, finish = Flag(), Flag()

    def hold() -> None:
        with transaction.atomic():
            moves.append([an_event(1)])
            appended.set()
            finish.wait(30)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(elsewhere, hold)
        appended.wait(30)
        try:
            yield
        finally:
            finish.set()
            held.result(30)


def leaves() -> list[int]:
    return list(AuditLeaf.objects.order_by("index").values_list("sequence", flat=True))


class TestSeal:
    def test_makes_leaves_nodes_and_a_signed_checkpoint(self) -> None:
        events = append_many(5)
        assert actions.seal(now=NOW) == 5
        point = AuditCheckpoint.objects.get()
        root = merkle.fold((0, 5), merkle.tree([bytes(event.leaf_hash) for event in events]))
        assert (point.size, bytes(point.root), point.sealed_at) == (5, root, NOW)
        assert sealing.signer().verifier.verify(point.note) == Checkpoint(settings.AUDIT_LOG_ORIGIN, 5, root)
        assert point.note.startswith(f"{settings.AUDIT_LOG_ORIGIN}\n5\n{b64encode(root).decode()}\n\n— ")
        assert leaves() == [event.sequence for event in events]

    def test_without_new_events_makes_nothing(self) -> None:
        assert actions.seal(now=NOW) == 0
        append_many(2)
        assert [actions.seal(now=NOW), actions.seal(now=NOW)] == [2, 0]
        assert AuditCheckpoint.objects.count() == 1

    def test_goes_on_in_batches_within_one_transaction_s_events(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sealing.seal, "__defaults__", (3,))
        events = append_many(7)
        append_many(2, start=7)
        assert actions.seal(now=NOW) == 9
        assert list(AuditCheckpoint.objects.order_by("size").values_list("size", flat=True)) == [3, 6, 9]
        assert leaves()[:7] == [event.sequence for event in events]

    def test_leaves_out_what_has_not_committed_and_does_not_lose_it(self) -> None:
        with an_open_transaction():
            append_many(1, start=2)
            assert AuditEvent.objects.count() == 1
            assert actions.seal(now=NOW) == 0
        assert actions.seal(now=NOW) == 2
        assert leaves() == sorted(AuditEvent.objects.values_list("sequence", flat=True))

    def test_does_nothing_beside_a_twin(self) -> None:
        append_many(1)
        with ThreadPoolExecutor(1) as pool, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sealing.LOCK])
            assert pool.submit(elsewhere, lambda: actions.seal(now=NOW)).result(30) == 0
        assert actions.seal(now=NOW) == 1

    def test_after_a_restore_elsewhere_takes_all_that_has_no_leaf_once(self) -> None:
        a_sealed_log(3)
        append_many(2)
        as_superuser("UPDATE audit_checkpoint SET system_identifier = 1, horizon = '9000000000000'::xid8")
        as_superuser(
            "UPDATE audit_event SET xid = '8000000000000'::xid8 "
            "WHERE sequence = (SELECT max(sequence) FROM audit_event)"
        )
        assert [actions.seal(now=NOW), actions.seal(now=NOW)] == [2, 0]
        append_many(4)
        assert actions.seal(now=NOW) == 4
        assert leaves() == sorted(AuditEvent.objects.values_list("sequence", flat=True))
        assert actions.check_all(now=NOW).ok


class TestBesideWriters:
    WRITERS, ACTS = 12, 25

    def test_nothing_is_lost_or_sealed_twice_or_out_of_order(self) -> None:
        done = Flag()

        def write(seed: int) -> None:
            chance = random.Random(seed)  # noqa: S311
            for act in range(self.ACTS):
                with transaction.atomic():
                    moves.append([an_event(seed * 1000 + act) for _ in range(chance.randint(1, 3))])
                    time.sleep(chance.random() * 0.01)
                    if chance.random() < 0.3:
                        transaction.set_rollback(True)

        def seal() -> None:
            while not done.is_set():
                actions.seal(now=NOW)

        with ThreadPoolExecutor(self.WRITERS + 2) as pool:
            sealers = [pool.submit(elsewhere, seal) for _ in range(2)]
            for writer in [pool.submit(elsewhere, write, seed) for seed in range(self.WRITERS)]:
                writer.result(60)
            done.set()
            for sealer in sealers:
                sealer.result(60)
        actions.seal(now=NOW)
        assert AuditCheckpoint.objects.count() > 3
        assert sorted(leaves()) == sorted(AuditEvent.objects.values_list("sequence", flat=True))
        assert self.places() == sorted(self.places())
        assert actions.check_all(now=NOW).finding == ""

    def places(self) -> list[tuple[int, int]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT xid::text::bigint, sequence FROM audit_leaf JOIN audit_event USING (sequence) ORDER BY index"
            )
            return list(cursor.fetchall())


class TestProofs:
    @pytest.mark.parametrize("sizes", [(1,), (1, 2), (3, 7, 8), (5, 16, 21)])
    def test_of_every_event_hold_against_the_signed_root(self, sizes: tuple[int, ...]) -> None:
        a_sealed_log(*sizes)
        point = AuditCheckpoint.objects.latest("size")
        for index, event in enumerate(AuditEvent.objects.order_by("sequence")):
            proof = queries.proof_of(event)
            assert proof is not None
            assert (proof.index, proof.size, proof.note) == (index, sizes[-1], point.note)
            assert merkle.verify_inclusion(
                index=index, size=proof.size, leaf=bytes(event.leaf_hash), hashes=proof.hashes, root=bytes(point.root)
            )
            assert proof.text.endswith(point.note)

    def test_of_each_checkpoint_against_the_next_hold(self) -> None:
        a_sealed_log(1, 3, 8, 13)
        roots = {point.size: bytes(point.root) for point in AuditCheckpoint.objects.all()}
        for (old, old_root), (new, new_root) in combinations(sorted(roots.items()), 2):
            hashes = tree.consistency_proof(old, new)
            assert merkle.verify_consistency(old=old, new=new, old_root=old_root, new_root=new_root, hashes=hashes)
            assert tree.root(old) == old_root

    def test_read_few_nodes(self, django_assert_num_queries: Any) -> None:
        a_sealed_log(70)
        event = AuditEvent.objects.latest("sequence")
        with django_assert_num_queries(3):
            queries.proof_of(event)

    def test_are_not_there_before_sealing(self) -> None:
        (event,) = append(an_event())
        assert queries.proof_of(event) is None


class TestLag:
    def test_says_how_many_wait_how_long_and_what_holds_them(self) -> None:
        with an_open_transaction():
            append_many(2, start=10)
            lag = queries.lag(NOW + timedelta(seconds=70))
        assert (lag.waiting, lag.age) == (2, timedelta(seconds=60))
        assert lag.held_by.startswith("process ")
        assert lag.held_since is not None

    def test_is_nothing_when_all_is_sealed(self) -> None:
        a_sealed_log(2)
        assert (queries.lag(NOW).waiting, queries.lag(NOW).age) == (0, timedelta())
