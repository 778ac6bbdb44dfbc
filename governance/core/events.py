"""What is recorded of an act, and the plug through which it reaches the log above this package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from governance.core.actor import Actor


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event as the domain states it: who did what to what, why, when, and the facts it rests on.

    `facts` hold plain JSON values only; `at` is when it happened, aware and in UTC.
    """

    action: str
    actor: Actor
    subject_kind: str
    subject_id: UUID
    subject_label: str
    reason: str
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)


class Recorder(Protocol):
    """Appends events in the running transaction, so that an act and its record commit together (rule 13)."""

    def __call__(self, events: Sequence[Event]) -> None: ...


_recorder: Recorder | None = None


def connect(recorder: Recorder) -> None:
    """Plug the log in. Called once, by the wiring."""
    global _recorder  # noqa: PLW0603 - the one switch that lets the log live above the core
    _recorder = recorder


def record(events: Sequence[Event]) -> None:
    """Append the events. Raises RuntimeError when no log is connected: an act without a record must fail."""
    if _recorder is None:
        msg = "no audit log is connected; governance.wiring.connect() has not run"
        raise RuntimeError(msg)
    _recorder(events)
