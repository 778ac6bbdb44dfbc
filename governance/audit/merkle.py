"""The Merkle tree of RFC 6962, section 2.1, as pure functions.

A complete subtree is named by its level and its index: node (level, index) is over the leaves
[index * 2^level, (index + 1) * 2^level). Its hash never changes once it is full, so it can be stored, and every root
and every proof is put together from O(log n) such nodes: `*_nodes` says which, the function beside it folds them.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Node: TypeAlias = tuple[int, int]
Nodes: TypeAlias = Mapping[Node, bytes]
Span: TypeAlias = tuple[int, int]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# Growing --------------------------------------------------------------------------------------------------------------


def grow(size: int, edge: Nodes, leaves: Iterable[bytes]) -> Iterator[tuple[Node, bytes]]:
    """The nodes that become complete as leaf hashes are added to a tree of `size`, leaves (level 0) among them.

    `edge` are the nodes of `peaks(0, size)`, which the tree must have.
    """
    open_ends = dict(edge)
    for index, leaf in enumerate(leaves, start=size):
        level, place, value = 0, index, leaf
        yield (level, place), value
        while place % 2:
            value = node_hash(open_ends.pop((level, place - 1)), value)
            level, place = level + 1, place // 2
            yield (level, place), value
        open_ends[level, place] = value


def peaks(start: int, end: int) -> list[Node]:
    """The fewest complete subtrees that cover the leaves [start, end), from left to right.

    `start` must be where a subtree of that size may begin, as it is for all spans that a tree is made of.
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def fold(span: Span, nodes: Nodes) -> bytes:
    """The hash over the leaves of a span, from the nodes of `peaks(*span)`; of no leaves, SHA-256 of nothing."""
    hashes = [nodes[node] for node in peaks(*span)]
    if not hashes:
        return EMPTY_ROOT
    value = hashes.pop()
    while hashes:
        value = node_hash(hashes.pop(), value)
    return value


def tree(leaves: Sequence[bytes]) -> dict[Node, bytes]:
    """All complete subtrees over the leaf hashes."""
    return dict(grow(0, {}, leaves))


# Proofs ---------------------------------------------------------------------------------------------------------------


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The spans whose hashes prove that leaf `index` is in the tree of `size` (RFC 6962, 2.1.1), leaf upwards.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        msg = f"there is no leaf {index} in a tree of {size}"
        raise ValueError(msg)
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """The spans whose hashes prove that the tree of `old` is a prefix of that of `new` (RFC 6962, 2.1.2).

    Raises ValueError unless 0 < old <= new.
    """
    if not 0 < old <= new:
        msg = f"a tree of {new} can't be proved to begin with one of {old}"
        raise ValueError(msg)
    spans: list[Span] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return [*([(start, end)] if start else []), *spans[::-1]]


def proof(spans: Iterable[Span], nodes: Nodes) -> list[bytes]:
    """The hashes of the spans, in their order; `nodes` has those of `span_nodes(spans)`."""
    return [fold(span, nodes) for span in spans]


def span_nodes(spans: Iterable[Span]) -> set[Node]:
    """The nodes needed to fold all the spans."""
    return {node for span in spans for node in peaks(*span)}


def _split(count: int) -> int:
    """The largest power of two below `count`, where RFC 6962 parts a tree of more than one leaf."""
    return 1 << (count - 1).bit_length() - 1


# Verifying ------------------------------------------------------------------------------------------------------------


def verify_inclusion(*, index: int, size: int, leaf: bytes, hashes: Sequence[bytes], root: bytes) -> bool:
    """Whether the hashes prove that the leaf hash is number `index` of the tree of `size` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, root, *hashes):
        return False
    value, number, last = leaf, index, size - 1
    for sibling in hashes:
        if not last:
            return False
        if number % 2 or number == last:
            value = node_hash(sibling, value)
            number, last = _to_right_child(number, last)
        else:
            value = node_hash(value, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(*, old: int, new: int, old_root: bytes, new_root: bytes, hashes: Sequence[bytes]) -> bool:
    """Whether the hashes prove that the tree of `old` is a prefix of that of `new` (RFC 9162, 2.1.4.2).

    Nothing follows from an empty tree: `old` 0 is refused.
    """
    if not 0 < old <= new or not _are_hashes(*hashes):
        return False
    if old == new:
        return not hashes and old_root == new_root
    path = [old_root, *hashes] if old & (old - 1) == 0 else list(hashes)
    if not path:
        return False
    number, last = _to_right_child(old - 1, new - 1, always=True)
    was = now = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if number % 2 or number == last:
            was, now = node_hash(sibling, was), node_hash(sibling, now)
            number, last = _to_right_child(number, last)
        else:
            now = node_hash(now, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _to_right_child(number: int, last: int, *, always: bool = False) -> Node:
    """Go up the levels at which the node has no sibling: until it is a right child, or at the left edge."""
    if always:
        while number % 2:
            number, last = number >> 1, last >> 1
        return number, last
    while number and not number % 2:
        number, last = number >> 1, last >> 1
    return number, last
