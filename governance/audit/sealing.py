"""Sealing: committed events become leaves of the tree, and its root is signed.

What breaks if this is wrong: an event that is never sealed can be changed unseen. Sequence numbers are taken before
transactions commit, so "greater than the last one seen" loses those that commit late. Instead, the horizon is read
first, as a statement of its own: every transaction below it has ended, and whatever it wrote is visible to the next
statement. Leaves are ordered by transaction, then sequence. A sealer that runs twice or beside a twin does nothing:
the lock is for one, and an event can be a leaf only once.

Transaction ids start again after a dump and restore. The checkpoint knows its cluster by the system identifier; when
that differs, all that has no leaf yet is taken.
"""

from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from governance.audit import merkle, tree
from governance.audit.checkpoint import Checkpoint, Signer

LOCK = 0x4C454153  # names the sealer among the advisory locks of the database
MOST = 10_000

TAKE_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"

HORIZON = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text, system_identifier FROM pg_control_system()
"""

LAST = "SELECT size, horizon::text, system_identifier FROM audit_checkpoint ORDER BY size DESC LIMIT 1"

DUE = """
SELECT sequence, leaf_hash, xid::text FROM audit_event AS event
WHERE xid >= %(since)s::xid8 AND xid < %(horizon)s::xid8
  AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.sequence = event.sequence)
ORDER BY xid, sequence LIMIT %(most)s
"""

RESTORED = """
SELECT sequence, leaf_hash, xid::text FROM audit_event AS event
WHERE NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.sequence = event.sequence)
ORDER BY xid, sequence
"""

STORE = """
INSERT INTO audit_checkpoint (size, root, sealed_at, note, horizon, system_identifier)
VALUES (%s, %s, %s, %s, %s::xid8, %s)
"""


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be sealed next, and what the next checkpoint may promise to be complete below."""

    size: int
    sequences: list[int]
    hashes: list[bytes]
    horizon: str
    cluster: int


def signer() -> Signer:
    """The log's key, from the settings."""
    return Signer(settings.AUDIT_LOG_ORIGIN, b64decode(settings.AUDIT_SIGNING_KEY))


def seal(now: datetime, most: int = MOST) -> int:
    """Seal up to `most` events under a new checkpoint; returns how many, 0 when there are none or a twin is at it.

    Needs an open transaction in READ COMMITTED, in which nothing else has been read.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_LOCK, [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    due = _due(most)
    if due.sequences:
        _grow(due, now)
    return len(due.sequences)


def _due(most: int) -> _Due:
    with connection.cursor() as cursor:
        cursor.execute(HORIZON)  # before the rows, or those that commit in between are lost
        horizon, cluster = cursor.fetchone()
        cursor.execute(LAST)
        size, since, known_cluster = cursor.fetchone() or (0, "0", cluster)
        if known_cluster == cluster:
            cursor.execute(DUE, {"since": since, "horizon": horizon, "most": most})
        else:
            cursor.execute(RESTORED)
        rows = cursor.fetchall()
    if known_cluster == cluster and len(rows) == most:
        horizon = rows[-1][2]  # its transaction may have more
    return _Due(size, [row[0] for row in rows], [bytes(row[1]) for row in rows], horizon, cluster)


def _grow(due: _Due, now: datetime) -> None:
    edge = tree.nodes(merkle.peaks(0, due.size))
    grown = dict(merkle.grow(due.size, edge, due.hashes))
    tree.store(due.sequences, grown, due.size)
    size = due.size + len(due.sequences)
    checkpoint = Checkpoint(settings.AUDIT_LOG_ORIGIN, size, merkle.fold((0, size), edge | grown))
    note = signer().sign(checkpoint)
    with connection.cursor() as cursor:
        cursor.execute(STORE, [size, checkpoint.root, now, note, due.horizon, due.cluster])
