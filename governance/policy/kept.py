"""Facts as decisions keep them, read back: for the examples of a rule, and to judge the past by another version.

A decision keeps the facts that were declared when it was made. What has been declared since is not in it, and nothing
here invents it: whoever asks for such a fact is told that it is missing.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from governance.core.moves import plain
from governance.policy.facts import EXAMPLE, Declaration, Facts, declarations

NONE_SAID: Final = "no end"
NO_TIME: Final = "no time"
_LENGTH: Final = re.compile(r"(\d+) ?(day|hour|minute)s?", re.IGNORECASE)
_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})


class NotKept(Exception):
    """A fact that the decision does not keep: it was declared later. The message is its name."""


class Derived(ValueError):
    """A fact that follows from others, so that nobody can set it. The message says which do."""


def revived(kept: Mapping[str, Any]) -> Facts:
    """The facts that a decision kept. Raises NotKept."""
    return _group(Facts, kept, "")  # type: ignore[no-any-return]  # of the class that it is given


def _group(group: Any, kept: Mapping[str, Any], prefix: str) -> Any:
    found = {}
    for name, inner, read in _readers(group):
        if name not in kept:
            raise NotKept(prefix + name)
        found[name] = _group(inner, kept[name], f"{prefix}{name}.") if read is None else read(kept[name])
    return group(**found)


@cache
def _readers(group: Any) -> tuple[tuple[str, Any, Callable[[Any], Any] | None], ...]:
    hints = get_type_hints(group)
    named = [(field.name, hints[field.name]) for field in fields(group) if field.init]
    return tuple((name, hint, None if is_dataclass(hint) else _FROM_JSON[hint]) for name, hint in named)


def value(name: str, kept: Any) -> Any:
    """One fact as a decision keeps it, as the value that conditions and reasons take."""
    return _FROM_JSON[_types()[name]](kept)


def names_in(condition: str) -> tuple[str, ...]:
    """The facts that a condition may name, in the order of their declaration; one in a text of it counts too."""
    words = {f"{word}." for word in re.findall(r"[A-Za-z_][\w.]*", condition)}
    return tuple(fact.name for fact in declarations() if any(word.startswith(f"{fact.name}.") for word in words))


def settable() -> tuple[Declaration, ...]:
    """The facts that an example can change: all but those that follow from others."""
    derived = tuple(f"{field.name}." for field in fields(Facts) if not field.init)
    return tuple(fact for fact in declarations() if not fact.name.startswith(derived))


def example_with(changes: Mapping[str, Any]) -> Facts:
    """The ordinary example with some facts changed, each by its name as a decision keeps it. Raises NotKept, Derived.

    What follows from the changed facts follows from them here as well.
    """
    kept: dict[str, Any] = plain(asdict(EXAMPLE))
    for name, changed in changes.items():
        if name not in _types():
            raise NotKept(name)
        _require_settable(name)
        group, _, fact = name.rpartition(".")
        (kept[group] if group else kept)[fact] = changed
    return revived(kept)


def entered(name: str, text: str) -> Any:
    """What somebody has entered for a fact, as a decision keeps it.

    Raises ValueError, which says what is expected, and Derived.
    """
    if name not in _types():
        raise ValueError(f"There is no fact called {name}.")
    _require_settable(name)
    return plain(_FROM_TEXT[_types()[name]](text.strip()))


def _require_settable(name: str) -> None:
    if name not in {fact.name for fact in settable()}:
        raise Derived(f"{name} follows from the other facts: change those instead.")


def _bool(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError("A bool is expected: yes or no.")
    return text.lower() in _YES


def _int(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise ValueError("An int is expected: a whole number.")
    return int(text)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("An id is expected, such as 0192f0c1-7a00-7000-8000-000000000001.") from None


def _moment(text: str) -> datetime:
    for read in (datetime.fromisoformat, _day):
        with suppress(ValueError):
            at = read(text)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    raise ValueError("A timestamp is expected, in UTC: 2027-06-30, 2027-06-30 18:00, or 30 Jun 2027.")


def _day(text: str) -> datetime:
    """A day as pages write it."""
    return datetime.strptime(text, "%d %b %Y").replace(tzinfo=UTC)


def _end(text: str) -> datetime | None:
    return None if text.lower() in {"", NONE_SAID} else _moment(text)


def _length(text: str) -> timedelta:
    if text.lower() == NO_TIME:
        return timedelta()
    parts = _LENGTH.findall(text)
    if not parts or _LENGTH.sub("", text).strip():
        raise ValueError("A duration is expected: 30 days, 8 hours, 90 minutes.")
    return sum((timedelta(**{f"{unit.lower()}s": int(number)}) for number, unit in parts), timedelta())


def _texts(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_FROM_TEXT: Final[Mapping[Any, Callable[[str], Any]]] = {
    bool: _bool,
    int: _int,
    str: str,
    UUID: _uuid,
    datetime: _moment,
    datetime | None: _end,
    timedelta: _length,
    tuple[str, ...]: _texts,
}


def _same(kept: Any) -> Any:
    return kept


def _end_kept(kept: str | None) -> datetime | None:
    return None if kept is None else datetime.fromisoformat(kept)


def _seconds(kept: int) -> timedelta:
    return timedelta(seconds=kept)


_FROM_JSON: Final[Mapping[Any, Callable[[Any], Any]]] = {
    bool: _same,
    int: _same,
    str: _same,
    UUID: UUID,
    datetime: datetime.fromisoformat,
    datetime | None: _end_kept,
    timedelta: _seconds,
    tuple[str, ...]: tuple,
    tuple[int, ...]: tuple,
}


@cache
def _types() -> dict[str, Any]:
    return {fact.name: fact.type for fact in declarations()}
