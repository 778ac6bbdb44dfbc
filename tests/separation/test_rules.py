from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from governance.separation.rules import Clash, Sides, clash, clashes

IDS = [UUID(int=number) for number in range(1, 7)]
ONE, TWO, THREE, FOUR, *_ = IDS
RULE = Sides(uuid4(), frozenset({ONE, TWO}), frozenset({THREE, FOUR}))
some = st.sets(st.sampled_from(IDS))


def direct(*ids: UUID) -> dict[UUID, tuple[UUID, ...]]:
    return {pk: (pk,) for pk in ids}


class TestClash:
    def test_is_of_what_is_asked_for_with_what_is_held(self) -> None:
        assert clash(RULE, direct(ONE), direct(THREE)) == Clash(RULE.rule_id, (ONE,), (THREE,))

    def test_is_of_what_is_asked_for_alone(self) -> None:
        asked = {ONE: (TWO, ONE), THREE: (TWO, THREE)}
        assert clash(RULE, {}, asked) == Clash(RULE.rule_id, (TWO, ONE), (TWO, THREE))

    def test_is_not_of_one_side(self) -> None:
        assert clash(RULE, direct(ONE), direct(TWO)) is None

    def test_is_not_of_what_has_nothing_to_do_with_it(self) -> None:
        assert clash(RULE, direct(ONE, THREE), direct(IDS[5])) is None

    def test_tells_the_shortest_way(self) -> None:
        held = {ONE: (IDS[4], ONE), TWO: (TWO,)}
        assert clash(RULE, held, direct(THREE)) == Clash(RULE.rule_id, (TWO,), (THREE,))

    @given(held=some, asked=some)
    def test_is_found_exactly_where_both_sides_are_touched_by_help_of_what_is_asked(
        self, held: set[UUID], asked: set[UUID]
    ) -> None:
        both = held | asked
        expected = any(
            one in both and other in both and {one, other} & asked for one in RULE.left for other in RULE.right
        )
        assert (clash(RULE, direct(*held), direct(*asked)) is not None) == expected


class TestClashes:
    def test_tell_each_rule_once(self) -> None:
        other = Sides(uuid4(), frozenset({ONE}), frozenset({IDS[5]}))
        found = list(clashes([RULE, other], direct(ONE, TWO), direct(THREE, FOUR)))
        assert [one.rule_id for one in found] == [RULE.rule_id]
