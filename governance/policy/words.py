"""Reasons in words: templates over facts, and how times and lengths of time are said."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_SECONDS: Final = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_LENGTH_PART: Final = re.compile(r"(\d{1,9}) *(day|hour|minute|second)s?")
_LENGTH: Final = re.compile(rf" *({_LENGTH_PART.pattern} *){{1,4}}")


class TemplateError(Exception):
    """A reason that can't be filled in; the message says what to change."""


def rendered(template: str, values: Mapping[str, Any]) -> str:
    """The template with each `{name}` replaced by its value in words.

    Raises TemplateError for a name that is not among the values, and for a brace that belongs to none.
    """
    texts, names = _parts(template)
    words = [_value(name, values) for name in names]
    return "".join(part for pair in zip(texts, [*words, ""], strict=True) for part in pair)


@lru_cache(maxsize=2000)
def _parts(template: str) -> tuple[list[str], list[str]]:
    """The text between the places, and the names in them."""
    pieces = _PLACE.split(template)
    texts, names = pieces[::2], pieces[1::2]
    if any("{" in text or "}" in text for text in texts):
        msg = "A brace opens or closes the name of a fact, as in {identity.name}; this one does neither."
        raise TemplateError(msg)
    return texts, names


def _value(name: str, values: Mapping[str, Any]) -> str:
    if name not in values:
        msg = f"There is no fact called {name or 'nothing'} for the reason."
        raise TemplateError(msg)
    return said(values[name])


def said(value: object) -> str:
    """A fact as a sentence says it: "30 Jun 2027", "8 hours", "no end"."""
    match value:
        case None:
            return "no end"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return day(value)
        case timedelta():
            return length(value)
        case tuple():
            return ", ".join(said(item) for item in value) or "nothing"
    return str(value) if value != "" else "not known"


def day(moment: datetime) -> str:
    """The day in UTC: "30 Jun 2027"."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"


def minute(moment: datetime) -> str:
    """Day and minute in UTC: "30 Jun 2027 18:00 UTC"."""
    return f"{day(moment)} {moment.astimezone(UTC):%H:%M} UTC"


def length(term: timedelta) -> str:
    """A length of time, exactly: "8 hours", "36 hours 30 minutes", and in days from two days on: "7 days"."""
    days, rest = divmod(term, _DAY) if term >= 2 * _DAY else (0, term)
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    units = [(days, "day"), (hours, "hour"), (minutes, "minute"), (int(rest.total_seconds()), "second")]
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in units if number]
    return " ".join(parts) or "no time"


def seconds(words: str) -> int:
    """The whole seconds of a length as people write it: "30 days", "36 hours 30 minutes". Raises ValueError."""
    if not _LENGTH.fullmatch(words):
        raise ValueError("Write a length such as 30 days, 8 hours or 90 minutes.")
    parts: list[tuple[str, str]] = _LENGTH_PART.findall(words)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)
