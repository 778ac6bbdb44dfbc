"""What must hold of a sealed event, as a pure function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.audit import merkle
from governance.audit.line import read


@dataclass(frozen=True, slots=True)
class Sealed:
    """A leaf with what the tables hold of its event. `columns` is None when the event is gone, `line` without a body.

    `columns` are the event's, named and written as the line does: "subject.id", times and ids as text.
    """

    index: int
    sequence: int
    leaf_hash: bytes
    columns: Mapping[str, Any] | None
    event_hash: bytes | None
    line: str | None
    redacted: bool

    @property
    def hash(self) -> bytes:
        """The leaf's hash, taken anew from the body wherever there is one."""
        return self.leaf_hash if self.line is None else merkle.leaf_hash(self.line.encode())


def fault(sealed: Sealed) -> str | None:
    """What is wrong with a sealed event, in words; None when nothing is."""
    event = f"event {sealed.sequence}"
    if sealed.columns is None:
        return f"{event} has been removed"
    if sealed.event_hash != sealed.leaf_hash:
        return f"{event} has another hash than the one that was sealed"
    if sealed.line is None:
        return None if sealed.redacted else f"the body of {event} is missing, and no redaction of it is recorded"
    if sealed.hash != sealed.leaf_hash:
        return f"the body of {event} is not the one that was sealed"
    said = _said(sealed.line)
    wrong = [name for name, value in sealed.columns.items() if said[name] != value]
    return f"{event} and its body disagree about {', '.join(wrong)}" if wrong else None


def _said(line: str) -> dict[str, Any]:
    content = read(line)
    return {
        "id": content["id"],
        "at": content["at"],
        "action": content["action"],
        "subject.kind": content["subject"]["kind"],
        "subject.id": content["subject"]["id"],
        "actor.kind": content["actor"]["kind"],
        "actor.id": content["actor"]["id"],
    }
