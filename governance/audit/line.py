"""The canonical line of an event: what is hashed, sealed and exported. docs/evidence-format.md describes it."""

import json
import secrets
from typing import Any, TypedDict
from uuid import UUID

import rfc8785

from governance.core.events import Event
from governance.core.moves import plain

VERSION = 1
SALT_BYTES = 16


class Party(TypedDict):
    """An actor or a subject, called as it was called then."""

    id: str | None
    kind: str
    label: str


class Content(TypedDict):
    """What a line says."""

    action: str
    actor: Party
    assurance: int
    at: str
    facts: dict[str, Any]
    id: str
    reason: str
    salt: str
    subject: Party
    v: int


def new_salt() -> str:
    """Random, so that a redacted line can't be found by hashing guesses."""
    return secrets.token_hex(SALT_BYTES)


def line_of(event: Event, *, event_id: UUID, salt: str) -> str:
    """The event as one line of canonical JSON (RFC 8785). The SQL function `audit_line` writes the same.

    Raises rfc8785.CanonicalizationError for facts that JSON can't hold, such as a whole number beyond 2^53 - 1.
    """
    actor = event.actor
    content = {
        "action": event.action,
        "actor": {"id": plain(actor.id), "kind": str(actor.kind), "label": actor.label},
        "assurance": actor.assurance,
        "at": plain(event.at),
        "facts": plain(event.facts),
        "id": str(event_id),
        "reason": event.reason,
        "salt": salt,
        "subject": {"id": str(event.subject_id), "kind": event.subject_kind, "label": event.subject_label},
        "v": VERSION,
    }
    return rfc8785.dumps(content).decode()


def read(line: str) -> Content:
    """What a line says."""
    content: Content = json.loads(line)
    return content
