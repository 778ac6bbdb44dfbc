"""Roles that were planted are found again, in spite of noise, and nothing else is taken for one."""

from dataclasses import replace
from random import Random

import pytest

from governance.analysis.mining import Access, Peers, _at_least, mined
from governance.management.planted import Plan, measured, planted

SMALL = Plan(people=900, departments=6, titles=4, projects=8, entitlements=500)

SALES, IT = Peers("Sales", "Clerk"), Peers("IT", "Clerk")


def access(*people: tuple[Peers, set[int]], items: int = 20) -> Access:
    held = [(number, item) for number, (_, has) in enumerate(people) for item in sorted(has)]
    return Access([peers for peers, _ in people], held, items)


class TestMined:
    @pytest.mark.parametrize("seed", range(1, 6))
    def test_recovers_what_was_planted(self, seed: int) -> None:
        set_ = planted(replace(SMALL, seed=seed))
        found = measured(set_.roles, mined(set_.access))
        assert found.recall >= 0.9
        assert found.precision >= 0.9

    def test_recovers_departments_that_are_mostly_one_job(self) -> None:
        set_ = planted(replace(SMALL, titles=2))
        assert measured(set_.roles, mined(set_.access)).recall >= 0.9

    def test_recovers_most_under_twice_the_noise(self) -> None:
        set_ = planted(replace(SMALL, missing=6, besides=10))
        assert measured(set_.roles, mined(set_.access)).recall >= 0.9

    def test_finds_the_same_every_time(self) -> None:
        assert mined(planted(SMALL).access) == mined(planted(SMALL).access)

    def test_finds_nothing_in_access_at_random(self) -> None:
        chance = Random(1)  # noqa: S311 - the same every time, and no secret
        people = [(SALES if number % 2 else IT, set(chance.sample(range(400), 6))) for number in range(300)]
        assert mined(access(*people, items=400)) == []

    def test_counts_what_it_explains_and_what_it_would_give_anew(self) -> None:
        people = [(SALES, {1, 2, 3, 4})] * 9 + [(SALES, {1, 2, 3}), (SALES, {9}), *[(IT, {7})] * 20]
        (one,) = mined(access(*people))
        assert one.items == (1, 2, 3, 4)
        assert (one.members, one.covered, one.missing) == (10, 39, 1)
        assert (one.peers, one.matched) == (Peers("Sales"), 11)
        assert one.excess == 1 + 4

    def test_says_no_peers_where_neither_department_nor_title_tells(self) -> None:
        people = [(IT if number % 2 else SALES, {1, 2, 3} if number % 3 else {7}) for number in range(60)]
        (one,) = mined(access(*people))
        assert one.peers is None
        assert (one.matched, one.excess) == (0, 0)

    def test_leaves_out_what_too_few_hold(self) -> None:
        assert mined(access(*[(SALES, {1, 2, 3, 4})] * 4, *[(IT, set())] * 9)) == []
        assert len(mined(access(*[(SALES, {1, 2, 3, 4})] * 5, *[(IT, set())] * 9))) == 1

    def test_leaves_out_what_is_no_more_than_two(self) -> None:
        assert mined(access(*[(SALES, {1, 2})] * 40, *[(IT, set())] * 9)) == []

    def test_takes_the_part_that_many_more_hold_for_itself(self) -> None:
        base, more = {1, 2, 3}, {4, 5, 6, 7, 8, 9}
        clerks = [(Peers("Sales", title), base | more if title == "A" else base) for title in "ABCB" * 8]
        assert {one.items for one in mined(access(*clerks))} == {(1, 2, 3), (4, 5, 6, 7, 8, 9)}

    def test_leaves_out_what_is_agreed_on(self) -> None:
        people = [(SALES, {1, 2, 3, 4, 5, 6})] * 9
        assert [one.items for one in mined(access(*people), [{1, 2, 3}])] == [(4, 5, 6)]
        assert mined(access(*people), [{1, 2, 3, 4, 5, 6}]) == []


class TestAtLeast:
    def test_counts_bits(self) -> None:
        chance = Random(2)  # noqa: S311 - the same
        columns = [chance.getrandbits(200) for _ in range(13)]
        for fewest in range(1, 15):
            expected = sum(1 << bit for bit in range(200) if sum(one >> bit & 1 for one in columns) >= fewest)
            assert _at_least(columns, fewest) == expected
