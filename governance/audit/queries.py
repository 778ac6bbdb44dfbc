"""Reads of the log: lists, chains of custody, the colophon, proofs, and how far sealing lags."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import JSONField, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from governance.audit import tree
from governance.audit.checkpoint import tlog_proof
from governance.audit.models import AuditCheck, AuditCheckpoint, AuditEvent, AuditLeaf
from governance.audit.sealing import signer

UNSEALED = """
SELECT count(*), min(at) FROM (
  SELECT at FROM audit_event AS event
  WHERE xid >= coalesce((SELECT horizon FROM audit_checkpoint ORDER BY size DESC LIMIT 1), '0'::xid8)
    AND NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.sequence = event.sequence)
  ORDER BY sequence LIMIT %s
) AS unsealed
"""

MOST_COUNTED = 10_000
"""Unsealed events that are counted; every page asks, also while the log is far behind."""

HOLDS = """
SELECT format('prepared transaction %%s in database %%s', gid, database), prepared, age(transaction)
FROM pg_prepared_xacts
UNION ALL
SELECT format('process %%s%%s in database %%s', pid, ' (' || nullif(application_name, '') || ')', datname),
       xact_start, age(backend_xid)
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY 3 DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Seal:
    """Where the log stands: its last checkpoint, and what the checker last said; None where it has not run."""

    size: int
    root: str
    sealed_at: datetime
    checked_at: datetime | None
    ok: bool | None
    finding: str


@dataclass(frozen=True, slots=True)
class Lag:
    """Events not sealed yet: how many (`MOST_COUNTED` at most), the oldest's age, and the oldest open transaction."""

    waiting: int
    age: timedelta
    held_by: str
    held_since: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """That an event is leaf `index` of the tree which the checkpoint's note signs; hashes from the leaf upwards."""

    index: int
    size: int
    leaf_hash: bytes
    hashes: list[bytes]
    note: str

    @property
    def text(self) -> str:
        """As a file for an auditor (c2sp.org/tlog-proof)."""
        return tlog_proof(self.index, self.hashes, self.note)


def events_of(subject_ids: Collection[UUID]) -> "QuerySet[AuditEvent]":
    """The chain of custody of one or more subjects, oldest first, with bodies."""
    return AuditEvent.objects.filter(subject_id__in=subject_ids).select_related("body").order_by("sequence")


def saying(events: "QuerySet[AuditEvent]", text: str) -> "QuerySet[AuditEvent]":
    """Those with the text in their reason or in what subject or actor were called, in any case of letters.

    Reads every body that the other conditions leave, so give it others. Redacted events say nothing.
    """
    said = Cast("body__line", JSONField())
    return events.annotate(
        said_reason=KeyTextTransform("reason", said),
        said_subject=KeyTextTransform("label", KeyTextTransform("subject", said)),
        said_actor=KeyTextTransform("label", KeyTextTransform("actor", said)),
    ).filter(Q(said_reason__icontains=text) | Q(said_subject__icontains=text) | Q(said_actor__icontains=text))


def sealed_among(sequences: Collection[int]) -> frozenset[int]:
    """Those of the sequences that the tree holds already; one query."""
    return frozenset(AuditLeaf.objects.filter(sequence__in=sequences).values_list("sequence", flat=True))


def latest_checkpoint() -> Seal | None:
    """What the colophon says of the log; None while nothing is sealed. One query."""
    check = AuditCheck.objects.order_by("-at", "-id")
    point = (
        AuditCheckpoint.objects.annotate(
            checked_at=Subquery(check.values("at")[:1]),
            ok=Subquery(check.values("ok")[:1]),
            finding=Subquery(check.values("finding")[:1]),
        )
        .order_by("-size")
        .values_list("size", "root", "sealed_at", "checked_at", "ok", "finding")
        .first()
    )
    if point is None:
        return None
    size, root, sealed_at, checked_at, ok, finding = point
    return Seal(size, bytes(root).hex(), sealed_at, checked_at, ok, finding or "")


def proof_of(event: AuditEvent) -> Proof | None:
    """The proof that the event is in the log, against the latest checkpoint; None while it is not sealed."""
    leaf = AuditLeaf.objects.filter(sequence=event.sequence).first()
    point = AuditCheckpoint.objects.order_by("-size").first()
    if leaf is None or point is None:
        return None
    hashes = tree.inclusion_proof(leaf.index, point.size)
    return Proof(leaf.index, point.size, bytes(leaf.leaf_hash), hashes, point.note)


def verifier_key() -> str:
    """The log's public key as auditors keep it (c2sp.org/signed-note)."""
    return signer().verifier.vkey


def lag(now: datetime) -> Lag:
    """How far sealing is behind. A transaction that is open anywhere in the cluster holds it up."""
    with connection.cursor() as cursor:
        cursor.execute(UNSEALED, [MOST_COUNTED])
        waiting, oldest = cursor.fetchone()
        cursor.execute(HOLDS, [])
        held_by, held_since, _ = cursor.fetchone() or ("", None, 0)
    return Lag(waiting, now - oldest if oldest else timedelta(), held_by, held_since)
