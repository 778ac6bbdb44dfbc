"""One thing of the catalog as files say it and as the database has it: the same plain values, so that they compare.

Texts are stripped, lists without an order are sorted, lengths and moments have one form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from governance.catalog.models import Bundle, Entitlement, System
from governance.policy.words import length, seconds
from governance.purposes.models import Purpose
from governance.purposes.rules import moment

KINDS: Final = (System.NOUN, Entitlement.NOUN, Bundle.NOUN, Purpose.NOUN)
"""In the order in which they can be made: each rests on those before."""

FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    System.NOUN: {
        "name": "",
        "description": "",
        "owner": None,
        "backup_owner": None,
        "environment": "",
        "risk": "",
        "connector": None,
    },
    Entitlement.NOUN: {
        "name": "",
        "description": "",
        "owner": None,
        "backup_owner": None,
        "risk": "",
        "privileged": False,
        "longest_lease": "",
        "review_cadence": "",
        "allowed_kinds": [],
        "permits": [],
    },
    Bundle.NOUN: {
        "name": "",
        "description": "",
        "owner": None,
        "backup_owner": None,
        "birthright": False,
        "criteria": "",
        "review_at": None,
        "entitlements": [],
        "bundles": [],
    },
    Purpose.NOUN: {
        "name": "",
        "description": "",
        "owner": None,
        "backup_owner": None,
        "emergency": False,
        "ends_at": None,
        "review_at": None,
        "criteria": "",
        "entitlements": [],
    },
}
"""The fields of each kind in the order in which they are written, with what they are where a file leaves them out."""

LENGTHS: Final = ("longest_lease", "review_cadence")
MOMENTS: Final = ("ends_at", "review_at")
SORTED: Final = ("allowed_kinds", "entitlements", "bundles")
OWNERS: Final = ("owner", "backup_owner")
ONCE: Final = ("connector", "emergency")
"""What is said when a thing is made, and does not change afterwards."""

TEXTS: Final = ("name", "description", "criteria")


def seen(text: str) -> str:
    """The text with what a terminal would obey, or not show, written out."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A kind, and what the thing is called in files: a key, system/entitlement, or a reference."""

    kind: str
    key: str

    def __str__(self) -> str:
        return seen(f"{self.kind} {self.key}")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where: a file, a line that counts from 1, and a field."""

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return seen(where + (f"{self.field}: {self.text}" if self.field else self.text))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing. `lines` says where in its file a field stands, or one item of a list, or the whole."""

    address: Address
    file: str
    values: Mapping[str, Any]
    within: str = ""
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, compare=False)

    def problem(self, name: str, text: str, item: str = "") -> Problem:
        """What is wrong with a field, or with one item of it."""
        whole = self.lines.get((), 1)
        line = self.lines.get((name, item)) or self.lines.get((name,)) or whole
        return Problem(self.file, line, f"{self.within}.{name}".strip("."), text)


def called(system_key: str, entitlement_key: str) -> str:
    """What an entitlement is called in files."""
    return f"{system_key}/{entitlement_key}"


def canonical(name: str, value: Any) -> Any:
    """A field's value in its one form. Raises ValueError with what is wrong."""
    if value is None:
        return None
    if name in TEXTS:
        return value.strip()
    if name in SORTED:
        return sorted(set(value))
    if name == "connector":
        return {"plugin": value["plugin"], "settings": value.get("settings", {})}
    if name in LENGTHS:
        return length_of(seconds(value))
    return moment_of(_moment(value)) if name in MOMENTS else value


def _moment(value: str) -> datetime:
    try:
        found = moment(value)
        assert found is not None  # noqa: S101 - None has no text
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("There is no such moment.") from error


def length_of(whole_seconds: int) -> str:
    """A length as files say it. Raises ValueError for one that no clock reaches."""
    try:
        return length(timedelta(seconds=whole_seconds))
    except OverflowError as error:
        raise ValueError("This is too long.") from error


def moment_of(at: datetime | None) -> str | None:
    """A moment as files say it, no more exact than it is."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
