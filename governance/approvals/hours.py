"""Working time: how long a step has waited as those who work by a calendar count it. Pure.

Without a calendar every hour counts: a step must never wait longer because nobody has entered one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from governance.approvals.rules import STEP_TERM

ESCALATION_TERM = timedelta(days=2)
"""How long a step waits before somebody is brought in; a day of it, as of `STEP_TERM`, is a day of work."""

LOOK_AHEAD = 800
"""Days among which working time is looked for; beyond them the clock goes on by itself."""

_ANY_DAY = date(2000, 1, 3)


class Hours(Protocol):
    """What counts as working time."""

    @property
    def day(self) -> timedelta:
        """The working time of one day."""

    def after(self, start: datetime, worked: timedelta) -> datetime:
        """The moment at which so much working time has passed since the start."""

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time from the start to the end; none where the end lies before it."""


@dataclass(frozen=True, slots=True)
class AllHours:
    """Every hour of every day."""

    @property
    def day(self) -> timedelta:
        """Twenty-four hours."""
        return timedelta(days=1)

    def after(self, start: datetime, worked: timedelta) -> datetime:
        """By the clock."""
        return start + worked

    def between(self, start: datetime, end: datetime) -> timedelta:
        """By the clock."""
        return max(end - start, timedelta())


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """The same hours on some days of the week (1 is Monday), but for holidays, where the zone's clock shows them."""

    zone: ZoneInfo
    weekdays: frozenset[int]
    opens: time
    closes: time
    holidays: frozenset[date]

    @property
    def day(self) -> timedelta:
        """From opening to closing."""
        return datetime.combine(_ANY_DAY, self.closes) - datetime.combine(_ANY_DAY, self.opens)

    def after(self, start: datetime, worked: timedelta) -> datetime:
        """Day by day, until so much has been worked."""
        left = worked
        for opens, closes in self._windows(start):
            if left <= closes - opens:
                return opens + left
            left -= closes - opens
        return start + timedelta(days=LOOK_AHEAD)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The parts of working days that lie between."""
        found = timedelta()
        for opens, closes in self._windows(start):
            if opens >= end:
                break
            found += min(closes, end) - opens
        return found

    def _windows(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The working time from the moment on, a day at a time, in UTC."""
        first = start.astimezone(self.zone).date()
        for that in (first + timedelta(days=number) for number in range(LOOK_AHEAD)):
            if that.isoweekday() not in self.weekdays or that in self.holidays:
                continue
            opens = datetime.combine(that, self.opens, self.zone).astimezone(UTC)
            closes = datetime.combine(that, self.closes, self.zone).astimezone(UTC)
            if closes > start:
                yield max(opens, start), closes


@dataclass(frozen=True, slots=True)
class Times:
    """When an open step brings somebody in, and when it is over."""

    escalates_at: datetime
    due_at: datetime


def times(hours: Hours, opened_at: datetime) -> Times:
    """The times of a step that opens at the moment."""
    return Times(
        escalates_at=hours.after(opened_at, ESCALATION_TERM.days * hours.day),
        due_at=hours.after(opened_at, STEP_TERM.days * hours.day),
    )


def resumed(hours: Hours, moment: datetime, stopped_at: datetime, now: datetime) -> datetime:
    """What a moment becomes whose clock stood from `stopped_at` until now: as much working time is left as then."""
    return hours.after(now, hours.between(stopped_at, moment))


@dataclass(frozen=True, slots=True)
class CalendarDraft:
    """A calendar as somebody states it; `holidays` are names by their dates as ISO 8601 writes them."""

    name: str
    zone: str
    weekdays: tuple[int, ...]
    opens_at: time
    closes_at: time
    holidays: Mapping[str, str]
    departments: tuple[str, ...]
    general: bool


def problems(draft: CalendarDraft) -> dict[str, str]:
    """What is wrong with a calendar itself, by field; empty when nothing is."""
    checks = {
        "name": (bool(draft.name.strip()), "Give it a name."),
        "zone": (_is_zone(draft.zone), "There is no such time zone. Write one as Europe/Berlin."),
        "weekdays": (
            bool(draft.weekdays) and set(draft.weekdays) <= set(range(1, 8)),
            "Choose the days on which is worked.",
        ),
        "closes_at": (draft.opens_at < draft.closes_at, "A working day ends after it begins."),
        "holidays": (
            all(_is_day(day) and name.strip() for day, name in draft.holidays.items()),
            "Write each holiday on a line of its own: 2027-12-25 Christmas Day.",
        ),
        "departments": (
            draft.general or any(one.strip() for one in draft.departments),
            "Say for which departments it counts, or that it counts for everybody else.",
        ),
    }
    return {field: said for field, (right, said) in checks.items() if not right}


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _is_day(words: str) -> bool:
    try:
        return date.fromisoformat(words).isoformat() == words
    except ValueError:
        return False
