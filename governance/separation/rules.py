"""Whether access breaks a rule of separation of duties. Pure functions over sets: no database, no clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from governance.access.rules import Path


@dataclass(frozen=True, slots=True)
class Sides:
    """A rule in force: nobody holds one of `left` together with one of `right`."""

    rule_id: UUID
    left: frozenset[UUID]
    right: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Clash:
    """How access breaks a rule: a way to an entitlement of each side. One that is conferred ends its path."""

    rule_id: UUID
    left: Path
    right: Path


def clash(rule: Sides, held: Mapping[UUID, Path], asked: Mapping[UUID, Path]) -> Clash | None:
    """How `asked` would break the rule beside what is `held` or by itself, or None if it doesn't.

    Both are effective access: each entitlement with the path to it. What is held breaks no rule here by itself: it is
    a violation already, and what has nothing to do with it makes it no worse.
    """
    both = {**held, **asked}
    pairs = [
        Clash(rule.rule_id, both[one], both[other])
        for one in rule.left & both.keys()
        for other in rule.right & both.keys()
        if one in asked or other in asked
    ]
    return min(pairs, key=_shortest, default=None)


def clashes(rules: Iterable[Sides], held: Mapping[UUID, Path], asked: Mapping[UUID, Path]) -> Iterator[Clash]:
    """Every rule that `asked` would break, each told once."""
    return (found for rule in rules if (found := clash(rule, held, asked)) is not None)


def _shortest(found: Clash) -> tuple[int, Path, Path]:
    return len(found.left) + len(found.right), found.left, found.right
