"""The stored tree: nodes are read by name, and proofs and roots are put together from O(log n) of them."""

from collections.abc import Iterable, Mapping

from django.db import connection

from governance.audit import merkle
from governance.audit.merkle import Node

READ = """
SELECT 0, index, leaf_hash FROM audit_leaf WHERE index = ANY(%(leaves)s::bigint[])
UNION ALL
SELECT level, index, hash FROM audit_node
JOIN unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS wanted (level, index) USING (level, index)
"""

STORE_LEAVES = """
INSERT INTO audit_leaf (index, sequence, leaf_hash)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[])
"""

STORE_NODES = """
INSERT INTO audit_node (level, index, hash) SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
"""


def nodes(wanted: Iterable[Node]) -> dict[Node, bytes]:
    """The stored hashes of the nodes; those that are not stored are left out."""
    wanted = list(wanted)
    inner = [node for node in wanted if node[0]]
    parameters = {
        "leaves": [index for level, index in wanted if not level],
        "levels": [level for level, _ in inner],
        "indexes": [index for _, index in inner],
    }
    with connection.cursor() as cursor:
        cursor.execute(READ, parameters)
        return {(level, index): bytes(value) for level, index, value in cursor.fetchall()}


def root(size: int) -> bytes:
    """The root over the first `size` leaves, from stored nodes. Raises KeyError when one is missing."""
    return merkle.fold((0, size), nodes(merkle.peaks(0, size)))


def inclusion_proof(index: int, size: int) -> list[bytes]:
    """The hashes that prove leaf `index` to be in the tree of `size`. Raises ValueError, KeyError."""
    return _proof(merkle.inclusion_spans(index, size))


def consistency_proof(old: int, new: int) -> list[bytes]:
    """The hashes that prove the tree of `old` to be a prefix of that of `new`. Raises ValueError, KeyError."""
    return _proof(merkle.consistency_spans(old, new))


def _proof(spans: list[merkle.Span]) -> list[bytes]:
    return merkle.proof(spans, nodes(merkle.span_nodes(spans)))


def store(sequences: list[int], grown: Mapping[Node, bytes], size: int) -> None:
    """Add the nodes by which a tree of `size` has grown; its new leaves are the events of `sequences`, in order."""
    places = range(size, size + len(sequences))
    inner = [node for node in grown if node[0]]
    with connection.cursor() as cursor:
        cursor.execute(STORE_LEAVES, [list(places), sequences, [grown[0, place] for place in places]])
        cursor.execute(
            STORE_NODES,
            [[level for level, _ in inner], [index for _, index in inner], [grown[node] for node in inner]],
        )
