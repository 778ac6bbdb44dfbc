"""Circles of managers and the order from the top, against their definitions."""

import time
from random import Random
from uuid import UUID

from governance.lifecycle.reporting_lines import depths, in_circles

PEOPLE = [UUID(int=number) for number in range(1, 10)]


def forests() -> list[dict[UUID, UUID | None]]:
    """Several hundred small organisations, right and wrong ones, some of whose managers stand outside."""
    random = Random(7)  # noqa: S311 - the same organisations each time, no secret
    return [{one: random.choice([None, *PEOPLE]) for one in PEOPLE[: random.randint(1, 8)]} for _ in range(500)]


def chiefs(one: UUID, above: dict[UUID, UUID | None]) -> list[UUID]:
    """Everybody above somebody, each once."""
    found: list[UUID] = []
    step = above.get(one)
    while step is not None and step not in found:
        found.append(step)
        step = above.get(step)
    return found


class TestInCircles:
    def test_finds_those_who_stand_above_themselves(self) -> None:
        for above in forests():
            assert set(in_circles(above)) == {one for one in above if one in chiefs(one, above)}

    def test_takes_no_longer_for_each_when_they_are_many(self) -> None:
        many = [UUID(int=number) for number in range(50_000)]
        above = {one: many[(place - 1) // 8] if place else None for place, one in enumerate(many)}
        began = time.monotonic()
        assert not list(in_circles(above))
        assert time.monotonic() - began < 5


class TestDepths:
    def test_put_nobody_before_their_manager(self) -> None:
        for above in forests():
            found, circles = depths(above), set(in_circles(above))
            assert set(found) == set(above)
            for one in set(above) - circles:
                manager = above[one]
                if manager in above and manager not in circles:
                    assert found[one] > found[manager]
