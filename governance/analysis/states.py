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


class SurveyState(TextChoices):
    """How far a survey has come."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


SURVEY_MOVES: Mapping[str, frozenset[str]] = {SurveyState.RUNNING: frozenset({SurveyState.DONE, SurveyState.STOPPED})}


class Stale(TextChoices):
    """What can be stale, in the order in which a survey looks for it."""

    BUNDLE = "bundle", "Bundle nobody holds"
    CRITERIA = "criteria", "Criteria that match nobody"
    UNHELD = "unheld", "Entitlement nobody holds"
    LAPSING = "lapsing", "Entitlement most let lapse"
    OUTLIER = "outlier", "Access that peers don't have"
    PURPOSE = "purpose", "Purpose nobody uses"
    RULE = "rule", "Rule that never applies"


ROLES = "roles"
"""The part of a survey that comes last: roles mined from access."""

PARTS = (*(str(kind) for kind in Stale), ROLES)


class FoundState(TextChoices):
    """The life of what a survey has found."""

    OPEN = "open", "Open"
    DISMISSED = "dismissed", "Dismissed"
    GONE = "gone", "Gone"


FOUND_MOVES: Mapping[str, frozenset[str]] = {
    FoundState.OPEN: frozenset({FoundState.DISMISSED, FoundState.GONE}),
    FoundState.DISMISSED: frozenset({FoundState.OPEN, FoundState.GONE}),
}
