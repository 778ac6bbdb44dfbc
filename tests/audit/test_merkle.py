import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.audit import merkle

VECTORS = Path(__file__).resolve().parents[2] / "../shared/data/merkle/testdata"

leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


def vectors(kind: str) -> list[Any]:
    return [
        pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in sorted((VECTORS / kind).rglob("*.json"))
    ]


def hashes(encoded: list[str] | None) -> list[bytes]:
    return [b64decode(value) for value in encoded or []]


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the published vectors are not beside the checkout")
class TestThePublishedVectors:
    def test_are_all_there(self) -> None:
        assert (len(vectors("inclusion")), len(vectors("consistency"))) == (98, 98)

    @pytest.mark.parametrize("path", vectors("inclusion"))
    def test_inclusion(self, path: Path) -> None:
        given = json.loads(path.read_text())
        verdict = merkle.verify_inclusion(
            index=given["leafIdx"],
            size=given["treeSize"],
            leaf=b64decode(given["leafHash"] or ""),
            hashes=hashes(given["proof"]),
            root=b64decode(given["root"] or ""),
        )
        assert verdict is not given["wantErr"]

    @pytest.mark.parametrize("path", vectors("consistency"))
    def test_consistency(self, path: Path) -> None:
        given = json.loads(path.read_text())
        verdict = merkle.verify_consistency(
            old=given["size1"],
            new=given["size2"],
            old_root=b64decode(given["root1"] or ""),
            new_root=b64decode(given["root2"] or ""),
            hashes=hashes(given["proof"]),
        )
        assert verdict is not given["wantErr"]


def by_definition(hashed: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word, over leaf hashes."""
    if not hashed:
        return hashlib.sha256(b"").digest()
    if len(hashed) == 1:
        return hashed[0]
    k = 1
    while k * 2 < len(hashed):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(hashed[:k]) + by_definition(hashed[k:])).digest()


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value) ^ (1 << bit % (8 * len(value)))).to_bytes(len(value))


class TestHashes:
    def test_of_leaf_and_node_are_told_apart(self) -> None:
        assert merkle.leaf_hash(b"") == hashlib.sha256(b"\0").digest()
        assert merkle.node_hash(b"a", b"b") == hashlib.sha256(b"\1ab").digest()
        assert merkle.fold((0, 0), {}) == hashlib.sha256().digest()


class TestGrowing:
    @given(leaves)
    def test_gives_the_root_of_the_definition(self, hashed: list[bytes]) -> None:
        assert merkle.fold((0, len(hashed)), merkle.tree(hashed)) == by_definition(hashed)

    @given(leaves, st.data())
    def test_in_two_steps_gives_what_one_gives(self, hashed: list[bytes], data: st.DataObject) -> None:
        middle = data.draw(st.integers(0, len(hashed)))
        first = merkle.tree(hashed[:middle])
        edge = {node: first[node] for node in merkle.peaks(0, middle)}
        assert first | dict(merkle.grow(middle, edge, hashed[middle:])) == merkle.tree(hashed)

    @given(st.integers(1, 10**9))
    def test_needs_few_nodes_of_a_large_tree(self, size: int) -> None:
        assert len(merkle.peaks(0, size)) <= size.bit_length()
        assert len(merkle.span_nodes(merkle.inclusion_spans(size // 2, size))) <= 2 * size.bit_length()


class TestInclusion:
    @given(leaves, st.data())
    def test_is_proved(self, hashed: list[bytes], data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(hashed) - 1))
        claim = self.claim(hashed, index)
        assert merkle.verify_inclusion(**claim)

    @given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True), st.data())
    def test_is_not_proved_by_anything_changed(self, hashed: list[bytes], data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(hashed) - 1))
        claim = self.claim(hashed, index)
        assert not merkle.verify_inclusion(**_changed(claim, data, numbers=("index",), values=("leaf", "root")))

    def test_is_not_proved_by_hashes_cut_elsewhere(self) -> None:
        left, right = bytes(range(32)), bytes(range(32, 64))
        root = merkle.node_hash(left, right)
        assert merkle.verify_inclusion(index=1, size=2, leaf=right, hashes=[left], root=root)
        assert not merkle.verify_inclusion(index=1, size=2, leaf=left[-1:] + right, hashes=[left[:-1]], root=root)

    @pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0)])
    def test_has_no_proof_outside_the_tree(self, index: int, size: int) -> None:
        assert not merkle.verify_inclusion(index=index, size=size, leaf=b"", hashes=[], root=b"")
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_spans(index, size)

    @staticmethod
    def claim(hashed: list[bytes], index: int) -> dict[str, Any]:
        nodes, size = merkle.tree(hashed), len(hashed)
        path = merkle.proof(merkle.inclusion_spans(index, size), nodes)
        return {"index": index, "size": size, "leaf": hashed[index], "hashes": path, "root": by_definition(hashed)}


class TestConsistency:
    @given(leaves, st.data())
    def test_is_proved(self, hashed: list[bytes], data: st.DataObject) -> None:
        assert merkle.verify_consistency(**self.claim(hashed, data.draw(st.integers(1, len(hashed)))))

    @given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True), st.data())
    def test_is_not_proved_by_anything_changed(self, hashed: list[bytes], data: st.DataObject) -> None:
        claim = self.claim(hashed, data.draw(st.integers(1, len(hashed))))
        changed = _changed(claim, data, numbers=("old",), values=("old_root", "new_root"))
        assert not merkle.verify_consistency(**changed)

    def test_is_not_proved_by_hashes_cut_elsewhere(self) -> None:
        left, right = bytes(range(32)), bytes(range(32, 64))
        claim: dict[str, Any] = {"old": 1, "new": 2, "new_root": merkle.node_hash(left, right)}
        assert merkle.verify_consistency(**claim, old_root=left, hashes=[right])
        assert not merkle.verify_consistency(**claim, old_root=left + right[:1], hashes=[right[1:]])

    @pytest.mark.parametrize(("old", "new"), [(0, 1), (0, 0), (2, 1), (-1, 1)])
    def test_has_no_proof_from_nothing_or_backwards(self, old: int, new: int) -> None:
        empty = merkle.EMPTY_ROOT
        assert not merkle.verify_consistency(old=old, new=new, old_root=empty, new_root=empty, hashes=[])
        with pytest.raises(ValueError, match="can't be proved"):
            merkle.consistency_spans(old, new)

    @staticmethod
    def claim(hashed: list[bytes], old: int) -> dict[str, Any]:
        path = merkle.proof(merkle.consistency_spans(old, len(hashed)), merkle.tree(hashed))
        roots = {"old_root": by_definition(hashed[:old]), "new_root": by_definition(hashed)}
        return {"old": old, "new": len(hashed), "hashes": path, **roots}


def _changed(
    claim: dict[str, Any], data: st.DataObject, *, numbers: tuple[str, ...], values: tuple[str, ...]
) -> dict[str, Any]:
    """The claim with one thing in it changed: a bit of a hash, a hash too many or too few, another number."""
    path = claim["hashes"]
    name = data.draw(st.sampled_from([*numbers, *values, "more", *(["bit", "fewer"] if path else [])]))
    if name in numbers:
        other = data.draw(st.integers(0, claim.get("size") or claim["new"]).filter(lambda n: n != claim[name]))
        return {**claim, name: other}
    if name in values:
        return {**claim, name: flipped(claim[name], data.draw(st.integers(0, 255)))}
    place = data.draw(st.integers(0, len(path) - (name != "more")))
    rest = path[place + (name != "more") :]
    middle = {"more": [b"\7" * 32], "fewer": [], "bit": [flipped(path[place], 3)] if name == "bit" else []}[name]
    return {**claim, "hashes": [*path[:place], *middle, *rest]}
