"""Checkpoints of the log as C2SP signed notes, which tools that nobody here wrote can verify.

A note is its text, an empty line, and signature lines. The text of a checkpoint (c2sp.org/tlog-checkpoint) is the
log's origin, the size of the tree and its root in base64. Keys are named by c2sp.org/signed-note: the name, a hash of
name and key, and the type byte 0x01 for Ed25519, kept so that others can be added.
"""

import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
KEY_ID_BYTES = 4
HASH_BYTES = 32
TEXT_LINES = 3
DASH = "\N{EM DASH}"


class BadNote(ValueError):
    """Not a checkpoint, not of this log, or not signed by the key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A promise about the first `size` leaves of the log called `origin`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under a name."""

    name: str
    public: bytes

    @classmethod
    def read(cls, vkey: str) -> "Verifier":
        """From the text `name+keyid+key` given to auditors out of band. Raises BadNote."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, key = rest.partition("+")
        decoded = _bytes(key)
        found = cls(name, decoded[1:])
        if decoded[:1] != ED25519 or found.key_id.hex() != key_id:
            msg = "not the name, hash and key of an Ed25519 verifier"
            raise BadNote(msg)
        return found

    @property
    def key_id(self) -> bytes:
        """What signature lines name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The text to hand to auditors."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    def verify(self, note: str) -> Checkpoint:
        """The checkpoint that the note says, if this key has signed it. Raises BadNote."""
        return _parsed(self.opened(note), self.name)

    def opened(self, note: str) -> str:
        """The text of a note, whatever it says, if this key has signed it. Raises BadNote."""
        text, gap, signatures = note.rpartition("\n\n")
        prefix = f"{DASH} {self.name} "
        lines = [line.removeprefix(prefix) for line in signatures.splitlines() if line.startswith(prefix)]
        if not gap or not any(self._signed(f"{text}\n", line) for line in lines):
            msg = f"no valid signature by {self.name}"
            raise BadNote(msg)
        return f"{text}\n"

    def _signed(self, text: str, line: str) -> bool:
        decoded = _bytes(line)
        if decoded[:KEY_ID_BYTES] != self.key_id:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(decoded[KEY_ID_BYTES:], text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """The log's private key under the log's name."""

    name: str
    seed: bytes

    def __post_init__(self) -> None:
        """Raise BadNote for a name that a signature line can't hold."""
        if not self.name or "+" in self.name or any(character.isspace() for character in self.name):
            msg = f"{self.name!r} can't name a log: it may have neither spaces nor a plus sign"
            raise BadNote(msg)

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key.public_key().public_bytes_raw())

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signed note of the checkpoint."""
        signature = self.verifier.key_id + self._key.sign(checkpoint.text.encode())
        return f"{checkpoint.text}\n{DASH} {self.name} {b64encode(signature).decode()}\n"

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def tlog_proof(index: int, hashes: Sequence[bytes], note: str) -> str:
    """An inclusion proof with its checkpoint as one file (c2sp.org/tlog-proof)."""
    lines = "".join(f"{b64encode(value).decode()}\n" for value in hashes)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{note}"


def _parsed(text: str, origin: str) -> Checkpoint:
    lines = text.splitlines()
    if len(lines) < TEXT_LINES or lines[0] != origin or not lines[1].isdecimal():
        msg = "not a checkpoint of this log"
        raise BadNote(msg)
    root = _bytes(lines[2])
    if len(root) != HASH_BYTES:
        msg = "the root is not a SHA-256 hash"
        raise BadNote(msg)
    return Checkpoint(lines[0], int(lines[1]), root)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        msg = "not base64"
        raise BadNote(msg) from None
