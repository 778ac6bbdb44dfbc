"""The words of journeys as data: runs of a feed and how a source is read, and what a change of policy means."""

from collections.abc import Mapping
from enum import StrEnum

from django.db.models import TextChoices

from governance.identities.states import Kind, Status


class RunState(TextChoices):
    """How far one file of a feed has come."""

    PROPOSED = "proposed", "Waits for a yes"
    HELD = "held", "Held: too many would end"
    ACCEPTED = "accepted", "Being applied"
    APPLIED = "applied", "Applied"
    REFUSED = "refused", "Refused: strict, and rows are bad"
    DISCARDED = "discarded", "Discarded"


MOVES: Mapping[str, frozenset[str]] = {
    RunState.PROPOSED: frozenset({RunState.ACCEPTED, RunState.DISCARDED}),
    RunState.HELD: frozenset({RunState.ACCEPTED, RunState.DISCARDED}),
    RunState.ACCEPTED: frozenset({RunState.APPLIED, RunState.HELD}),
}

WAITING = frozenset({RunState.PROPOSED, RunState.HELD})
"""A person is to say yes or no."""


class ReevaluationState(TextChoices):
    """How far the re-evaluation of all live leases has come."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    STOPPED = "stopped", "Stopped"


REEVALUATION_MOVES: Mapping[str, frozenset[str]] = {
    ReevaluationState.RUNNING: frozenset({ReevaluationState.DONE, ReevaluationState.STOPPED})
}


class Denied(TextChoices):
    """What becomes of live leases that policy no longer allows, as whoever publishes a version declares."""

    END = "end", "End them at once"
    RUN_OUT = "run_out", "Let them run to their end"


class Fate(TextChoices):
    """What a change of policy means to a live lease."""

    UNCHANGED = "unchanged", "Stays as it is"
    REVIEW = "review", "Stays, and its owner is told"
    REVOKE = "revoke", "No longer allowed"


class Absence(TextChoices):
    """What it means that somebody is not in the file any more."""

    KEEP = "keep", "Nothing: only a leaving status or a last day ends somebody"
    END = "end", "They have left: each file is complete"


class DateForm(TextChoices):
    """How the feed writes a day. The form of ISO 8601 is read in any case."""

    ISO = "%Y-%m-%d", "2026-11-09"
    DOTS = "%d.%m.%Y", "09.11.2026"
    SLASHES = "%d/%m/%Y", "09/11/2026, the day first"
    MONTH_FIRST = "%m/%d/%Y", "11/09/2026, the month first"


class Encoding(TextChoices):
    """How the feed writes letters. A byte order mark is read over."""

    UTF_8 = "utf-8", "UTF-8"
    WINDOWS = "windows-1252", "Windows-1252"


class Field(StrEnum):
    """What a feed can say of a person."""

    KEY = "key"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    KIND = "kind"
    STATUS = "status"
    TITLE = "title"
    DEPARTMENT = "department"
    MANAGER = "manager"
    SPONSOR = "sponsor"
    STARTS_ON = "starts_on"
    ENDS_ON = "ends_on"


FEED_STATES = frozenset({Status.EXPECTED, Status.ACTIVE, Status.ON_LEAVE, Status.ENDED})
"""What a feed's status can mean. Who suspends an identity is security, and no feed lifts it."""

FEED_KINDS = frozenset({Kind.PERSON, Kind.EXTERNAL})
