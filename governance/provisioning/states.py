from collections.abc import Mapping

from django.db.models import TextChoices


class Operation(TextChoices):
    """What a task brings about."""

    GRANT = "grant", "Grant"
    REVOKE = "revoke", "Revoke"


class TaskState(TextChoices):
    """A provisioning task's life. A removal never dies."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    VERIFIED = "verified", "Verified"
    FAILED = "failed", "Failed"
    SUPERSEDED = "superseded", "Superseded"
    DEAD = "dead", "Dead"


class AttemptOutcome(TextChoices):
    """How one try ended."""

    PROVED = "proved", "Read back as wanted"
    OTHER_PATH = "other_path", "Present by another path"
    CONTRADICTED = "contradicted", "Read back otherwise"
    REFUSED = "refused", "Refused by the system"
    UNREACHABLE = "unreachable", "System not reached"
    UNKNOWN = "unknown", "Nobody knows yet"
    ABANDONED = "abandoned", "Worker lost"
    SUPERSEDED = "superseded", "Superseded"


class ManualState(TextChoices):
    """The life of a person's task on a system that no program reaches."""

    OPEN = "open", "To be done"
    DONE = "done", "To be confirmed"
    SENT_BACK = "sent_back", "Sent back"
    CONFIRMED = "confirmed", "Confirmed"
    CLOSED = "closed", "Closed"


TO_DO = frozenset({ManualState.OPEN, ManualState.SENT_BACK})
WAITING = TO_DO | {ManualState.DONE}
"""Nobody's task ends by itself: it is confirmed, or what it was for is wanted no more."""

MANUAL_MOVES: Mapping[str, frozenset[str]] = {
    ManualState.OPEN: frozenset({ManualState.DONE, ManualState.CLOSED}),
    ManualState.DONE: frozenset({ManualState.CONFIRMED, ManualState.SENT_BACK, ManualState.CLOSED}),
    ManualState.SENT_BACK: frozenset({ManualState.DONE, ManualState.CLOSED}),
}

OPEN_TASKS = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.SUCCEEDED, TaskState.FAILED})

IN_DOUBT = frozenset({TaskState.RUNNING, TaskState.SUCCEEDED})
"""States in which nobody knows what the system holds: a worker is busy with it, or has died at it."""

MOVES: Mapping[str, frozenset[str]] = {
    TaskState.QUEUED: frozenset({TaskState.RUNNING, TaskState.SUPERSEDED}),
    TaskState.RUNNING: frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SUPERSEDED}),
    TaskState.SUCCEEDED: frozenset({TaskState.VERIFIED, TaskState.FAILED, TaskState.SUPERSEDED}),
    TaskState.FAILED: frozenset({TaskState.QUEUED, TaskState.SUPERSEDED, TaskState.DEAD}),
}
