"""What a chain of custody is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from governance.access.models import Verification
from governance.approvals.models import Decision
from governance.audit.models import AuditEvent
from governance.policy.models import PolicyDecision
from governance.provisioning.models import ProvisioningTask


class EntryKind(StrEnum):
    """What a record of a chain says has happened."""

    FOUNDED = "founded"
    TAKEN = "taken"
    REVIEWED = "reviewed"
    CLOSED = "closed"
    REQUESTED = "requested"
    POLICY = "policy"
    APPROVED = "approved"
    CONSENTED = "consented"
    REJECTED = "rejected"
    ASKED = "asked"
    ANSWERED = "answered"
    REASSIGNED = "reassigned"
    ESCALATED = "escalated"
    SKIPPED = "skipped"
    STEP_EXPIRED = "step_expired"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    STARTED = "started"
    CALLED = "called"
    CALL_FAILED = "call_failed"
    HANDED_OVER = "handed_over"
    DONE_BY_HAND = "done_by_hand"
    SENT_BACK = "sent_back"
    FAILED = "failed"
    PRESENT = "present"
    OWNER_CHANGED = "owner_changed"
    REMINDED = "reminded"
    ENDED = "ended"
    REMOVAL_CALLED = "removal_called"
    REMOVAL_FAILED = "removal_failed"
    REMOVED = "removed"
    SUPPORTED = "supported"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a chain: what happened and when, by whom as they were called then, why, and what it rests on.

    `event` is the audit event that states it, None only for reminders, which change no state. At most one of the
    records is set; `people` are those whom a reminder reached.
    """

    kind: EntryKind
    at: datetime
    by: str
    why: str
    event: AuditEvent | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision | None = None
    policy: PolicyDecision | None = None
    verification: Verification | None = None
    task: ProvisioningTask | None = None
    people: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of custody, oldest first, and how much of it the tree seals: `sealed` of `len(events)` events."""

    entries: Sequence[Entry]
    sealed: int

    @property
    def events(self) -> list[AuditEvent]:
        """The audit events that the chain rests on."""
        return [entry.event for entry in self.entries if entry.event is not None]
