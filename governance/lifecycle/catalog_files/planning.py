"""What applying files would do, as a plan: nothing here changes anything, and the same makes the same plan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from governance.lifecycle.catalog_files import checking, standing
from governance.lifecycle.catalog_files.entries import FIELDS, KINDS, Address, Entry, Problem
from governance.lifecycle.catalog_files.reading import Files
from governance.lifecycle.catalog_files.standing import Standing


class Verb(StrEnum):
    """What becomes of one thing."""

    CREATE = "create"
    CHANGE = "change"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field as it stands and as it is to be, as files say it."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes otherwise. `entry` is what the files say, or what stands where it is to be retired."""

    verb: Verb
    entry: Entry
    differences: Sequence[Difference] = ()
    note: str = ""

    @property
    def address(self) -> Address:
        """What it is called."""
        return self.entry.address


@dataclass(frozen=True, slots=True)
class Drift:
    """Something managed from files that is otherwise than when they were applied last, and not as they say now."""

    address: Address
    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. `says` are things that come under management or are said anew, `released` what leaves it, being over.

    `there` is what stood when it was made; plans that say the same are equal without it.
    """

    changes: Sequence[Change]
    drift: Sequence[Drift]
    says: Sequence[Entry]
    released: Sequence[Address]
    problems: Sequence[Problem]
    there: Standing = field(compare=False)

    @property
    def is_idle(self) -> bool:
        """Whether applying it would write nothing."""
        return not (self.changes or self.says or self.released)

    def of(self, verb: Verb, kind: str) -> list[Change]:
        """The changes of one sort."""
        return [one for one in self.changes if one.verb == verb and one.address.kind == kind]


def plan(files: Files, now: datetime) -> Plan:
    """What applying the files now would do. With problems, it can't be applied."""
    if files.problems:
        return Plan((), (), (), (), files.problems, Standing())
    there = standing.read(now)
    made = [_change(entry, there) for entry in files.entries.values()]
    gone = sorted(there.marks.keys() - files.entries.keys())
    retired = [address for address in gone if address in there.entries]
    changes = [*filter(None, made), *(_retirement(address, there, now) for address in retired)]
    over = {entry.address for entry in files.entries.values() if _is_over(entry, there)}
    return Plan(
        changes=sorted(changes, key=lambda one: (KINDS.index(one.address.kind), one.address.key)),
        drift=sorted(_drift(files.entries, there), key=lambda one: one.address),
        says=[entry for address, entry in sorted(files.entries.items()) if address not in over and _anew(entry, there)],
        released=[address for address in gone if address not in there.entries],
        problems=sorted(set(checking.problems(files.entries, there, retired, now))),
        there=there,
    )


def _change(entry: Entry, there: Standing) -> Change | None:
    if entry.address in there.over:
        return None
    known = there.entries.get(entry.address)
    if known is None:
        return Change(Verb.CREATE, entry)
    differences = _differences(known.values, entry.values)
    return Change(Verb.CHANGE, entry, differences) if differences else None


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    return [Difference(name, before[name], after[name]) for name in after if before[name] != after[name]]


def _retirement(address: Address, there: Standing, now: datetime) -> Change:
    return Change(Verb.RETIRE, there.entries[address], note=checking.ending_with(address, there.ids[address], now))


def _is_over(entry: Entry, there: Standing) -> bool:
    """Whether it was applied as it is, and has come to its end since."""
    mark = there.marks.get(entry.address)
    return entry.address in there.over and mark is not None and mark.values == entry.values


def _anew(entry: Entry, there: Standing) -> bool:
    mark = there.marks.get(entry.address)
    return mark is None or (mark.file, mark.values) != (entry.file, entry.values)


def _drift(entries: Mapping[Address, Entry], there: Standing) -> Iterator[Drift]:
    for address, mark in there.marks.items():
        stands, wanted = there.entries.get(address), entries.get(address)
        if stands is None:
            if wanted is not None:
                yield Drift(address, mark.file, f"is {there.over[address]}: its file can go")
        elif wanted is None or wanted.values != stands.values:
            said = {**FIELDS[address.kind], **mark.values}
            for one in _differences(said, stands.values):
                yield Drift(address, mark.file, f"{one.field} was applied as {one.before!r} and is {one.after!r}")
