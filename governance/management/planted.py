"""Access with roles that are known, and noise: what role mining is measured against. All in memory, all from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from governance.analysis.mining import Access, Mined, Peers


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the planted set is, and how noisy: per cent of what roles give that is missing, or given besides."""

    people: int = 8_000
    departments: int = 12
    titles: int = 4
    projects: int = 20
    entitlements: int = 1_500
    missing: int = 3
    besides: int = 5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Planted:
    """The access, and the sets of entitlements that it was made of."""

    access: Access
    roles: Sequence[frozenset[int]]


@dataclass(frozen=True, slots=True)
class Measured:
    """How many roles were planted, how many found, and how many of those planted were, entitlement for entitlement."""

    planted: int
    found: int
    recovered: int

    @property
    def recall(self) -> float:
        """The share of the planted roles that were found."""
        return self.recovered / self.planted

    @property
    def precision(self) -> float:
        """The share of what was found that was planted."""
        return self.recovered / self.found if self.found else 0.0


def planted(plan: Plan) -> Planted:
    """Each department has a role, each title in it one that adds to it; some people work on a project with its own."""
    chance = Random(plan.seed)  # noqa: S311 - the same set again, and no secret
    bases = [_role(chance, plan, 4, 7) for _ in range(plan.departments)]
    jobs = [[_role(chance, plan, 4, 9) - base for _ in range(plan.titles)] for base in bases]
    projects = [_role(chance, plan, 4, 8) for _ in range(plan.projects)]
    holders, held = [], []
    for person in range(plan.people):
        department, title = chance.randrange(plan.departments), chance.randrange(plan.titles)
        holders.append(Peers(f"Department {department}", f"Title {title}"))
        roles = [bases[department], jobs[department][title]]
        roles += [chance.choice(projects)] if chance.random() < 0.3 else []  # noqa: PLR2004 - three in ten
        held += [(person, item) for item in _noisy(chance, plan, frozenset().union(*roles))]
    roles = [*bases, *(role for of in jobs for role in of), *projects]
    return Planted(Access(holders, held, plan.entitlements), roles)


def _role(chance: Random, plan: Plan, fewest: int, most: int) -> frozenset[int]:
    return frozenset(chance.sample(range(plan.entitlements), chance.randint(fewest, most)))


def _noisy(chance: Random, plan: Plan, items: frozenset[int]) -> list[int]:
    kept = [item for item in sorted(items) if chance.randrange(100) >= plan.missing]
    extra = sum(chance.randrange(100) < plan.besides for _ in items)
    return kept + [chance.randrange(plan.entitlements) for _ in range(extra)]


def measured(plan: Sequence[frozenset[int]], found: Sequence[Mined]) -> Measured:
    """What was planted held against what was found."""
    sets = {frozenset(one.items) for one in found}
    return Measured(len(plan), len(sets), sum(role in sets for role in plan))
