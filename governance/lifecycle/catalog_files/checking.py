"""What stands in the way of applying files, each with its file, line and field.

What was wrong before and stays as it is does not: an end that has come is no reason against a better name.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from governance.catalog.models import Bundle, Entitlement, System
from governance.catalog.rules import entitlement_problems, key_problem, system_problems
from governance.changes import bundles, purposes
from governance.connectors import registry
from governance.connectors.interface import Refused
from governance.core.errors import Invalid
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.lifecycle import catalog_retirement, retirement
from governance.lifecycle.catalog_files import owning
from governance.lifecycle.catalog_files.entries import LENGTHS, ONCE, OWNERS, Address, Entry, Problem, called
from governance.lifecycle.catalog_files.standing import Standing
from governance.policy.words import seconds
from governance.purposes.models import Purpose

Rule = Callable[[Mapping[str, Any], datetime], Mapping[str, str]]

RULES: Final[Mapping[str, Rule]] = {
    System.NOUN: lambda values, _now: system_problems(values),
    Entitlement.NOUN: lambda values, _now: entitlement_problems(values),
    Bundle.NOUN: bundles.problems,
    Purpose.NOUN: purposes.problems,
}
"""What the pages hold each kind to as well."""


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's values as the moves take them: lengths in seconds, without owners and what is said once."""
    kept = {name: value for name, value in values.items() if name not in {*OWNERS, *LENGTHS, *ONCE}}
    return {**kept, **{f"{name}_seconds": seconds(values[name]) for name in LENGTHS if name in values}}


def problems(
    entries: Mapping[Address, Entry], there: Standing, retired: Collection[Address], now: datetime
) -> Iterator[Problem]:
    """Everything that is wrong with what the files say, held against what stands."""
    known = _Known.of(entries, there, retired)
    owners = owning.named(entries.values(), now)
    for entry in entries.values():
        yield from _of_state(entry, there)
        if entry.address in there.over:
            continue
        yield from _of_values(entry, there, now)
        yield from _of_owners(entry, there, owners)
        yield from _of_references(entry, known)
    yield from _of_scopes(entries, there, now)
    yield from _circles(entries, there)
    for address in retired:
        yield from _of_retirement(there.entries[address], there, retired, now)


def _of_state(entry: Entry, there: Standing) -> Iterator[Problem]:
    state, mark = there.over.get(entry.address), there.marks.get(entry.address)
    if state and (mark is None or mark.values != entry.values):
        yield entry.problem("", f"{entry.address} is {state} already: name what is new otherwise, or leave this out.")


def _of_values(entry: Entry, there: Standing, now: datetime) -> Iterator[Problem]:
    before = there.entries.get(entry.address)
    changed = {name for name, value in entry.values.items() if before is None or before.values[name] != value}
    found = RULES[entry.address.kind](plain(entry.values), now)
    for name, text in found.items():
        said = name.removesuffix("_seconds")
        if said in changed or ("risk" in changed and said == "longest_lease"):
            yield entry.problem(said, text)
    if before is None:
        yield from _of_key(entry)
        yield from _of_connector(entry)
    else:
        yield from (
            entry.problem(name, "This is said when it is made, and does not change.") for name in changed & set(ONCE)
        )


def _of_key(entry: Entry) -> Iterator[Problem]:
    """Keys of systems, bundles and purposes name their files: the schema has all that is to be said of them."""
    if entry.address.kind == Entitlement.NOUN and (text := key_problem(entry.address.key.partition("/")[2])):
        yield entry.problem("key", text)


def _of_connector(entry: Entry) -> Iterator[Problem]:
    """A new system says how it is reached, in a way that works."""
    if entry.address.kind != System.NOUN:
        return
    said = entry.values["connector"]
    if said is None:
        yield entry.problem("connector", "Say how it is reached: a plugin with its settings; manual counts.")
    elif said["plugin"] == PORTAL_SYSTEM:
        yield entry.problem("connector", "This plugin serves the portal itself, and no other system.")
    else:
        try:
            registry.make(said["plugin"], said["settings"])
        except (Invalid, Refused) as refusal:
            yield entry.problem("connector", refusal.message)


def _of_owners(entry: Entry, there: Standing, owners: owning.Named) -> Iterator[Problem]:
    before = there.entries.get(entry.address)
    for name in OWNERS:
        wanted = entry.values[name]
        if before is not None and before.values[name] == wanted:
            continue
        if wanted is None and name == "owner":
            yield entry.problem(name, "Somebody answers for it: name an owner.")
        elif wanted is not None and isinstance(found := owners[owning.named_by(wanted)], str):
            yield entry.problem(name, found)


@dataclass(frozen=True, slots=True)
class _Known:
    """What can be named once the files are applied."""

    entitlements: Collection[str]
    bundles: Collection[str]

    @classmethod
    def of(cls, entries: Mapping[Address, Entry], there: Standing, retired: Collection[Address]) -> "_Known":
        standing = {*entries.keys() - there.over.keys(), *there.entries.keys()} - set(retired)
        keys = {kind: {one.key for one in standing if one.kind == kind} for kind in (Entitlement.NOUN, Bundle.NOUN)}
        gone = {one.key for one in retired if one.kind == Entitlement.NOUN}
        return cls(keys[Entitlement.NOUN] | (there.offered - gone), keys[Bundle.NOUN])


def _of_references(entry: Entry, known: _Known) -> Iterator[Problem]:
    if entry.address.kind == Entitlement.NOUN:
        return
    for name, kind, there in (
        ("entitlements", "entitlement", known.entitlements),
        ("bundles", "bundle", known.bundles),
    ):
        for key in sorted(set(entry.values.get(name, ())) - set(there)):
            yield entry.problem(name, f"There is no active {kind} {key}.", key)


def _of_scopes(entries: Mapping[Address, Entry], there: Standing, now: datetime) -> Iterator[Problem]:
    """No purpose ceases to justify what a lease on it is of, or to be for whoever holds one."""
    for address, entry in entries.items():
        before = there.entries.get(address)
        if address.kind == Purpose.NOUN and before is not None:
            lost = set(before.values["entitlements"]) - set(entry.values["entitlements"])
            if text := purposes.narrowing_problem(there.ids[address], lost):
                yield entry.problem("entitlements", text)
            wanted = entry.values["criteria"]
            same = wanted == before.values["criteria"]
            if not same and (text := purposes.excluding_problem(there.ids[address], wanted, now)):
                yield entry.problem("criteria", text)


def _circles(entries: Mapping[Address, Entry], there: Standing) -> Iterator[Problem]:
    """Bundles that would include themselves, at however many removes; each circle once."""
    stand = {**there.entries, **entries}
    inside = {address.key: one.values["bundles"] for address, one in stand.items() if address.kind == Bundle.NOUN}
    told: set[str] = set()
    for key in sorted(inside):
        way = _way_back(key, inside)
        address = Address(Bundle.NOUN, key)
        if way and address in entries and not told & set(way):
            told |= set(way)
            yield entries[address].problem("bundles", f"This is a circle: {' includes '.join(way)}.", way[1])


def _way_back(start: str, inside: Mapping[str, Collection[str]]) -> list[str]:
    """From a bundle by what it includes to itself, or nothing."""
    came_from: dict[str, str] = {}
    waiting = [start]
    while waiting:
        key = waiting.pop()
        for included in inside.get(key, ()):
            if included == start:
                return _walked(start, key, came_from)
            if included not in came_from:
                came_from[included] = key
                waiting.append(included)
    return []


def _walked(start: str, last: str, came_from: Mapping[str, str]) -> list[str]:
    way = [start]
    while last != start:
        way.insert(0, last)
        last = came_from[last]
    return [start, *way]


def _of_retirement(one: Entry, there: Standing, retired: Collection[Address], now: datetime) -> Iterator[Problem]:
    """Leases end with a purpose. What else is retired, nothing may rest on."""
    address, file = one.address, there.marks[one.address].file
    pk, said = there.ids[address], f"{address} is in no file any more, and can't be retired"
    if address.kind == Purpose.NOUN and retirement.carries_portal_roles(pk, now):
        yield Problem(file, 1, "", f"{said}: the portal's own roles rest on it.")
    if address.kind == Entitlement.NOUN and (rests := catalog_retirement.resting(pk)):
        yield Problem(file, 1, "", f"{said}: {rests}")
    if address.kind == Bundle.NOUN and (rule := bundles.naming_rule(pk)):
        yield Problem(file, 1, "", f"{said}: {rule} keeps apart what it holds. Change that rule first.")
    if address.kind == System.NOUN:
        left = [under.key for under in _under(address, there) if under not in retired]
        if left:
            yield Problem(file, 1, "", f"{said}: it has {left[0]}, which no file says.")


def _under(system: Address, there: Standing) -> list[Address]:
    """The active entitlements of a system."""
    start = called(system.key, "")
    return sorted(one for one in there.entries if one.kind == Entitlement.NOUN and one.key.startswith(start))


def ending_with(address: Address, subject_id: UUID, now: datetime) -> str:
    """What else ends with a thing that is retired, in words; empty if nothing does."""
    if address.kind != Purpose.NOUN:
        return ""
    found = retirement.resting(subject_id, now)
    standing = Grant.objects.filter(Q(pk__in=found.alone.values("pk")) | Q(pk__in=found.supported.values("pk")))
    counts = (
        (standing.count(), "running"),
        (found.waiting.count(), "not begun"),
        (found.in_review.count(), "in review"),
    )
    told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f"ends with it: {told}" if told else ""
