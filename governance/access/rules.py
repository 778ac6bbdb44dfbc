"""What one look at a system means for what is known of an assignment, and what follows from inclusions. Pure."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from uuid import UUID

from governance.access.states import Observation


class Presence(StrEnum):
    """What an observation does to the period in which an assignment is known to stand."""

    BEGINS = "begins"
    ENDS = "ends"
    STAYS = "stays"


def presence(observation: str, *, standing: bool) -> Presence:
    """What one look means for presence periods, given whether one is open.

    A period is of the direct assignment: present by another path alone ends it. Unknown changes nothing (rule 15).
    """
    if observation == Observation.UNKNOWN:
        return Presence.STAYS
    seen = observation == Observation.PRESENT
    if seen == standing:
        return Presence.STAYS
    return Presence.BEGINS if seen else Presence.ENDS


def settles(observation: str, *, wanted: bool) -> bool:
    """Whether the observation proves what is wanted. Another path proves neither presence nor absence."""
    return observation == (Observation.PRESENT if wanted else Observation.ABSENT)


Path = tuple[UUID, ...]
"""Entitlements, each of which confers the next; of what is held directly, itself alone."""


def shortest_paths(roots: Collection[UUID], inclusions: Iterable[tuple[UUID, UUID]]) -> Mapping[UUID, Path]:
    """Everything that the roots confer, themselves included, each with a shortest way to it.

    `inclusions` are pairs of what confers and what is conferred. A circle of them, as a system may have it, changes
    nothing. Where several ways are as short, the one that is told is always the same.
    """
    conferred: dict[UUID, list[UUID]] = {}
    for source, target in sorted(inclusions):
        conferred.setdefault(source, []).append(target)
    found: dict[UUID, Path] = {root: (root,) for root in sorted(roots)}
    waiting = deque(found)
    while waiting:
        here = waiting.popleft()
        for target in conferred.get(here, ()):
            if target not in found:
                found[target] = (*found[here], target)
                waiting.append(target)
    return found
