"""Who manages whom, as a forest: the circles that keep it from being one, and how deep everybody stands. Pure."""

from collections.abc import Container, Iterator, Mapping
from uuid import UUID

Above = Mapping[UUID, UUID | None]
"""Everybody's manager, None for who has none."""


def in_circles(above: Above) -> Iterator[UUID]:
    """Everybody from whom the way up leads back to themselves."""
    settled: set[UUID] = set()
    for start in above:
        way = _way_up(start, above, settled)
        order = list(way)
        step = above.get(order[-1]) if order else None
        if step in way:
            yield from order[order.index(step) :]
        settled.update(way)


def depths(above: Above) -> dict[UUID, int]:
    """How many of those named stand above each of them. In a circle it is any number."""
    found: dict[UUID, int] = {}
    for start in above:
        way = [one for one in _way_up(start, above, found) if one in above]
        if way:
            top = above[way[-1]]
            base = found[top] + 1 if top in found else 0
            found |= {one: base + place for place, one in enumerate(reversed(way))}
    return found


def _way_up(start: UUID, above: Above, known: Container[UUID]) -> dict[UUID, None]:
    """From somebody up, in order, until the top, somebody known, or round a circle once."""
    way: dict[UUID, None] = {}
    step: UUID | None = start
    while step is not None and step not in known and step not in way:
        way[step] = None
        step = above.get(step)
    return way
