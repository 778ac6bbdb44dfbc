"""The words of a replay as data: a run's life, what is replayed, and how a verdict can differ."""

from collections.abc import Mapping

from django.db.models import TextChoices


class ReplayState(TextChoices):
    """How far a replay has come."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


MOVES: Mapping[str, frozenset[str]] = {ReplayState.RUNNING: frozenset({ReplayState.DONE, ReplayState.STOPPED})}


class Source(TextChoices):
    """What was decided before, in the order in which it is replayed."""

    REQUEST = "request", "Past requests"
    GRANT = "grant", "Live grants"


class Change(TextChoices):
    """How a verdict would differ, the heaviest first."""

    DENIED = "denied", "Would be denied"
    ALLOWED = "allowed", "Would be allowed"
    STEPS_ADDED = "steps_added", "More people decide"
    STEPS_REMOVED = "steps_removed", "Fewer people decide"
    SHORTER = "shorter", "A shorter lease"
    LONGER = "longer", "A longer lease"
    REVIEWED_MORE = "reviewed_more", "Reviewed more often"
    REVIEWED_LESS = "reviewed_less", "Reviewed less often"
