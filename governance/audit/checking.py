"""The checker: what is stored must still be what was sealed and signed.

Each run takes the leaves that are new to it and a window of old ones, so that in time every event is looked at again;
a full run takes all. Leaves are hashed anew from the bodies, nodes from the leaves, roots from the nodes, and each
checkpoint in the span must say that root under a valid signature. By taking up where the last run that found nothing
stopped, a run finds again whatever an earlier one has found: a finding does not go away by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from governance.audit import merkle, rules, tree
from governance.audit.checkpoint import BadNote, Checkpoint, Verifier
from governance.audit.merkle import Node, Span
from governance.audit.models import AuditCheck, AuditCheckpoint
from governance.audit.sealing import signer
from governance.core.moves import plain

CHUNK = 8192
WINDOW = 1024
NAMED = 5

SEALED = """
SELECT leaf.index, leaf.sequence, leaf.leaf_hash, event.leaf_hash, body.line,
       body.sequence IS NULL AND EXISTS (
           SELECT FROM audit_event AS redaction
           WHERE redaction.subject_id = event.id AND redaction.action = 'audit_event.redacted'),
       event.id, event.at, event.action, event.subject_kind, event.subject_id, event.actor_kind, event.actor_id
FROM audit_leaf AS leaf
LEFT JOIN audit_event AS event ON event.sequence = leaf.sequence
LEFT JOIN audit_body AS body ON body.sequence = leaf.sequence
WHERE leaf.index >= %s AND leaf.index < %s ORDER BY leaf.index
"""

COLUMNS = ("id", "at", "action", "subject.kind", "subject.id", "actor.kind", "actor.id")

UNSIGNED = """
SELECT 'leaf ' || index || ' stands under no checkpoint' FROM audit_leaf
WHERE index >= (SELECT coalesce(max(size), 0) FROM audit_checkpoint) ORDER BY index LIMIT 1
"""

UNSEALED = """
WITH last AS (
    SELECT horizon FROM audit_checkpoint
    WHERE system_identifier = (SELECT system_identifier FROM pg_control_system()) ORDER BY size DESC LIMIT 1
)
SELECT 'event ' || event.sequence || ' is older than the last checkpoint and was never sealed'
FROM audit_event AS event JOIN last ON event.xid < last.horizon
WHERE NOT EXISTS (SELECT FROM audit_leaf AS leaf WHERE leaf.sequence = event.sequence)
ORDER BY event.sequence LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class _Examined:
    """What one span has shown: what is wrong, and the edge of the tree after it."""

    findings: list[str]
    edge: dict[Node, bytes]


def check(now: datetime) -> AuditCheck | None:
    """Look at what is new and at a window of what is old, and store the verdict; None while the log is empty."""
    new, again = _spans()
    if new == (0, 0):
        return None
    findings = [*_told(UNSIGNED), *_consistency(*new), *_examine(again), *_examine(new)]
    return _store(now, new, again, findings)


def check_all(now: datetime) -> AuditCheck:
    """Look at everything, and store the verdict."""
    last = AuditCheckpoint.objects.order_by("-size").first()
    everything = (0, last.size if last else 0)
    findings = [*_told(UNSIGNED), *_told(UNSEALED, NAMED), *_examine(everything)]
    return _store(now, everything, (0, 0), findings)


def _spans() -> tuple[Span, Span]:
    """What is new since the last verdict without a finding, up to a checkpoint; and the window after its window."""
    last = AuditCheck.objects.filter(ok=True).order_by("-at", "-id").first()
    start, again = (last.to_size, last.again_to) if last else (0, 0)
    ends = AuditCheckpoint.objects.filter(size__gt=start).order_by("size").values_list("size", flat=True)
    near = ends.filter(size__lte=start + CHUNK).last()
    end = near or ends.first() or start
    if again >= start:
        again = 0
    return (start, end), (again, min(again + WINDOW, start))


def _store(now: datetime, new: Span, again: Span, findings: Sequence[str]) -> AuditCheck:
    more = [f"and {len(findings) - NAMED} more"] if len(findings) > NAMED else []
    return AuditCheck.objects.create(
        at=now,
        from_size=new[0],
        to_size=new[1],
        again_from=again[0],
        again_to=again[1],
        ok=not findings,
        finding="; ".join([*findings[:NAMED], *more]),
    )


def _told(sql: str, *parameters: int) -> list[str]:
    """The findings that a statement words itself."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


def _consistency(old: int, new: int) -> Iterator[str]:
    """Whether the proof that we would give for the two signed roots holds."""
    if not 0 < old < new:
        return
    roots = {point.size: bytes(point.root) for point in AuditCheckpoint.objects.filter(size__in=(old, new))}
    try:
        hashes = tree.consistency_proof(old, new)
    except KeyError:
        hashes = []
    if old not in roots or not merkle.verify_consistency(
        old=old, new=new, old_root=roots[old], new_root=roots[new], hashes=hashes
    ):
        yield f"the checkpoint of {new} is not proved to continue that of {old}"


def _examine(span: Span) -> Iterator[str]:
    """Everything that is wrong with the leaves of the span, and with the tree and the checkpoints over them."""
    start, end = span
    edge = tree.nodes(merkle.peaks(0, start))
    if len(edge) != len(merkle.peaks(0, start)):
        yield f"nodes over the first {start} leaves are missing"
        return
    for first in range(start, end, CHUNK):
        examined = _chunk(first, min(first + CHUNK, end), edge)
        yield from examined.findings
        edge = examined.edge
        if not edge:
            return


def _chunk(start: int, end: int, edge: dict[Node, bytes]) -> _Examined:
    sealed = list(_sealed(start, end))
    if [leaf.index for leaf in sealed] != list(range(start, end)):
        return _Examined([f"leaves between {start} and {end} are missing"], {})
    grown = dict(merkle.grow(start, edge, [leaf.hash for leaf in sealed]))
    known = edge | grown
    findings = [found for leaf in sealed if (found := rules.fault(leaf))]
    findings += _nodes(grown)
    findings += _checkpoints(start, end, known)
    return _Examined(findings, {node: known[node] for node in merkle.peaks(0, end)})


def _sealed(start: int, end: int) -> Iterator[rules.Sealed]:
    with connection.cursor() as cursor:
        cursor.execute(SEALED, [start, end])
        for index, sequence, leaf_hash, event_hash, line, redacted, *columns in cursor.fetchall():
            gone = event_hash is None
            yield rules.Sealed(
                index=index,
                sequence=sequence,
                leaf_hash=bytes(leaf_hash),
                columns=None if gone else {name: plain(value) for name, value in zip(COLUMNS, columns, strict=True)},
                event_hash=None if gone else bytes(event_hash),
                line=line,
                redacted=redacted,
            )


def _nodes(grown: dict[Node, bytes]) -> list[str]:
    inner = {node: value for node, value in grown.items() if node[0]}
    stored = tree.nodes(inner)
    return [
        f"node {index} on level {level} is not what its leaves give"
        for (level, index), value in inner.items()
        if stored.get((level, index)) != value
    ]


def _checkpoints(start: int, end: int, known: dict[Node, bytes]) -> Iterator[str]:
    verifier = signer().verifier
    for point in AuditCheckpoint.objects.filter(size__gt=start, size__lte=end).order_by("size"):
        root = merkle.fold((0, point.size), known)
        if bytes(point.root) != root:
            yield f"the root of the checkpoint of {point.size} does not follow from its events"
        elif found := _unsigned(verifier, point.note, Checkpoint(verifier.name, point.size, root)):
            yield f"the checkpoint of {point.size} is not signed as it should be: {found}"


def _unsigned(verifier: Verifier, note: str, expected: Checkpoint) -> str | None:
    try:
        return None if verifier.verify(note) == expected else "its note says something else"
    except BadNote as wrong:
        return str(wrong)
