"""Files that people hand in: what is taken, and how it is kept.

A file is judged by its own first bytes; neither its name nor the type that a browser claims is believed. It is kept in
Django's storage under a name of ours, read back and hashed, before anything is recorded that rests on it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.http import FileResponse

from governance.core.errors import DomainError, Invalid, NotFound
from governance.core.ids import new_id

LARGEST = 10 * 1024 * 1024
"""Bytes of one file."""
HEAD = 4096
NAME_MOST = 120
SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
TEXT = "text/plain"
MEDIA_TYPES = (*(media_type for _, media_type in SIGNATURES), TEXT)
TAKEN = "PDF, PNG, JPEG or plain text"
FIELD = "evidence"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that stands in the storage, and what is known of it, by the names that its record has for it."""

    name: str
    kept_as: str
    media_type: str
    size: int
    sha256: str


@contextmanager
def keeping(given: "File[bytes]") -> Iterator[Kept]:
    """Keep the file unless what is done with it is refused; then it is gone again.

    Where anything else breaks it stays: nobody knows whether what rests on it was committed. Raises Invalid beside
    `evidence` for a file that is empty, too large, or of a kind that is not taken.
    """
    media_type = _judged(given)
    kept_as = default_storage.save(f"evidence/{new_id()}", given)
    try:
        sha256, size = fingerprint(kept_as)
        yield Kept(_shown(given.name or ""), kept_as, media_type, size, sha256)
    except DomainError:
        default_storage.delete(kept_as)
        raise


def _judged(given: "File[bytes]") -> str:
    """The media type that the file's own bytes say. Raises Invalid."""
    if not given.size:
        raise Invalid({FIELD: "The file is empty: it shows nothing."})
    if given.size > LARGEST:
        raise Invalid({FIELD: f"The file is larger than {LARGEST // (1024 * 1024)} MiB."})
    given.seek(0)
    head = given.read(HEAD)
    given.seek(0)
    known = next((media_type for mark, media_type in SIGNATURES if head.startswith(mark)), None)
    if known is None and not _is_text(head):
        raise Invalid({FIELD: f"The file is not {TAKEN}."})
    return known or TEXT


def _is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters; the last character may be cut in two."""
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < HEAD:
            return False
        text = head[: error.start].decode()
    return all(one.isprintable() or one in "\r\n\t\ufeff" for one in text)


def _shown(name: str) -> str:
    """The file's name as it is shown and offered: its last part, printable, not long."""
    plain = "".join(one for one in PurePath(name.replace("\\", "/")).name if one.isprintable() and one not in '"<>')
    stem, suffix = PurePath(plain).stem, PurePath(plain).suffix
    return f"{stem[:NAME_MOST]}{suffix[:12]}" or "evidence"


def fingerprint(kept_as: str) -> tuple[str, int]:
    """SHA-256 in hexadecimal and size in bytes of what stands in the storage now. Raises OSError when nothing does."""
    digest, size = hashlib.sha256(), 0
    with default_storage.open(kept_as) as file:
        for part in file.chunks():
            digest.update(part)
            size += len(part)
    return digest.hexdigest(), size


class Shown(Protocol):
    """A file by its record."""

    @property
    def name(self) -> str: ...

    @property
    def kept_as(self) -> str: ...

    @property
    def media_type(self) -> str: ...


def sent(shown: Shown) -> FileResponse:
    """The file on its way, only ever to be saved: a browser must not run what somebody has uploaded.

    Raises NotFound when it is missing from the storage.
    """
    try:
        file = default_storage.open(shown.kept_as)
    except OSError as error:
        raise NotFound("The file is missing from the storage.") from error
    response = FileResponse(file, as_attachment=True, filename=shown.name, content_type=shown.media_type)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
