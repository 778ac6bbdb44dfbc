import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.audit.checkpoint import BadNote, Checkpoint, Signer, Verifier, tlog_proof

SIGNER = Signer("leasehold.example/audit", bytes(range(32)))
POINT = Checkpoint("leasehold.example/audit", 42, hashlib.sha256(b"root").digest())
NOTE = SIGNER.sign(POINT)

# The example of the specification, c2sp.org/signed-note.
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


class TestNote:
    def test_has_the_published_shape(self) -> None:
        origin, size, root, gap, signature = NOTE.splitlines()
        assert (origin, size, len(root), gap) == ("leasehold.example/audit", "42", 44, "")
        assert signature.startswith("— leasehold.example/audit ")

    def test_says_what_was_signed(self) -> None:
        assert SIGNER.verifier.verify(NOTE) == POINT

    def test_is_read_with_the_key_that_auditors_keep(self) -> None:
        assert Verifier.read(SIGNER.verifier.vkey).verify(NOTE) == POINT

    def test_of_the_specification_verifies(self) -> None:
        text = Verifier.read(EXAMPLE_KEY).opened(EXAMPLE)
        assert text.startswith("If you think cryptography")

    def test_with_a_second_signature_still_verifies(self) -> None:
        assert SIGNER.verifier.verify(NOTE + "— witness.example AAAAAAAA\n") == POINT

    @given(st.integers(0, len(NOTE) - 1), st.characters(min_codepoint=32, max_codepoint=126))
    def test_with_one_character_changed_is_refused(self, place: int, character: str) -> None:
        changed = NOTE[:place] + character + NOTE[place + 1 :]
        if changed != NOTE and place != len(NOTE) - 1:
            with pytest.raises(BadNote):
                SIGNER.verifier.verify(changed)

    @pytest.mark.parametrize("note", ["", "\n\n", POINT.text, POINT.text + "\n", NOTE.replace("42", "43")])
    def test_without_a_valid_signature_is_refused(self, note: str) -> None:
        with pytest.raises(BadNote):
            SIGNER.verifier.verify(note)

    def test_of_another_key_or_another_log_is_refused(self) -> None:
        with pytest.raises(BadNote):
            Signer(SIGNER.name, bytes(32)).verifier.verify(NOTE)
        other = Checkpoint("another.example/log", 42, POINT.root)
        with pytest.raises(BadNote, match="not a checkpoint of this log"):
            SIGNER.verifier.verify(SIGNER.sign(other))


class TestSigner:
    @pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak"])
    def test_refuses_a_name_that_would_break_the_note(self, name: str) -> None:
        with pytest.raises(BadNote, match="can't name a log"):
            Signer(name, bytes(32))


class TestVerifierKey:
    @pytest.mark.parametrize("change", [("leasehold", "freehold"), ("+", "-"), ("+A", "+B")])
    def test_that_was_changed_is_refused(self, change: tuple[str, str]) -> None:
        with pytest.raises(BadNote):
            Verifier.read(SIGNER.verifier.vkey.replace(*change))


def test_tlog_proof_has_the_published_shape() -> None:
    text = tlog_proof(3, [bytes(32), bytes(32)], NOTE)
    head, index, first, second, gap, *rest = text.split("\n")
    assert (head, index, gap) == ("c2sp.org/tlog-proof@v1", "index 3", "")
    assert first == second == "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    assert "\n".join(rest) == NOTE
