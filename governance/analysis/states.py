"""The words of a replay as data: a run's life, and what is replayed."""

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
