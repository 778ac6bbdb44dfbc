from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.consequences import Consequence, ConsequenceError, StepSpec, read, sentences, union, written
from governance.policy.states import OF_RULES, StepKind

KINDS = [kind for kind in OF_RULES if kind != StepKind.TEAM]
HOW = (st.integers(1, 9), st.booleans(), st.integers(0, 20))
STEP = st.builds(StepSpec, st.sampled_from(KINDS), *HOW) | st.builds(
    StepSpec, st.just(StepKind.TEAM), *HOW, st.sampled_from(["ledger", "risk"])
)
STEPS = st.lists(STEP, min_size=1).map(union)
CAPS = st.integers(1, 86400 * 3660).map(lambda seconds: timedelta(seconds=seconds))
HOURS = st.integers(1, 12 * 3600).map(lambda seconds: timedelta(seconds=seconds))
CONSEQUENCES = st.one_of(
    st.just(Consequence(deny=True)),
    st.builds(Consequence, steps=STEPS, cap=st.none() | CAPS),
    st.builds(Consequence, without_human=st.just(True), cap=st.none() | CAPS),
    st.builds(Consequence, cap=CAPS),
    st.builds(Consequence, steps=st.just(()) | STEPS, break_glass=HOURS),
)


class TestRead:
    @given(CONSEQUENCES)
    def test_gets_back_what_was_written(self, consequence: Consequence) -> None:
        assert read(written(consequence)) == consequence

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({}, "Something has to follow"),
            ([], "JSON object"),
            (None, "JSON object"),
            ("deny", "JSON object"),
            ({"deny": True, "notify": "owner"}, "Nothing is called notify"),
            ({"deny": "false"}, "deny is true or false"),
            ({"deny": False}, "Something has to follow"),
            ({"deny": True, "cap_seconds": 60}, "can do nothing else"),
            ({"steps": [{"kind": "manager"}], "allow_without_human": True}, "can't ask for steps and do without"),
            ({"steps": "manager"}, "Steps are a list"),
            ({"steps": ["manager"]}, "A step reads like"),
            ({"steps": [{"kind": "manager", "optional": True}]}, "A step reads like"),
            ({"steps": [{"kind": "mother"}]}, "no step called mother"),
            ({"steps": [{"kind": "manager", "required": 0}]}, "between 1 and 9"),
            ({"steps": [{"kind": "manager", "required": True}]}, "between 1 and 9"),
            ({"steps": [{"kind": "manager"}, {"kind": "manager"}]}, "asked for once"),
            ({"steps": []}, "Something has to follow"),
            ({"cap_seconds": 0}, "whole number of seconds"),
            ({"cap_seconds": -60}, "whole number of seconds"),
            ({"cap_seconds": 1.5}, "whole number of seconds"),
            ({"cap_seconds": True}, "whole number of seconds"),
            ({"cap_seconds": 86400 * 3661}, "at most 3660 days"),
            ({"break_glass_seconds": 0}, "whole number of seconds"),
            ({"break_glass_seconds": 12 * 3600 + 1}, "at most 12 hours"),
            ({"break_glass_seconds": 60, "deny": True}, "can do nothing else"),
        ],
    )
    def test_refuses_what_it_does_not_understand(self, value: Any, words: str) -> None:
        with pytest.raises(ConsequenceError, match=words):
            read(value)


class TestUnion:
    def test_keeps_one_step_of_a_kind_in_the_fixed_order_with_the_larger_number(self) -> None:
        asked = [StepSpec(StepKind.SECURITY), StepSpec(StepKind.MANAGER, 2), StepSpec(StepKind.SECURITY, 3)]
        assert union(asked) == (StepSpec(StepKind.MANAGER, 2), StepSpec(StepKind.SECURITY, 3))
        assert union(reversed(asked)) == union(asked)


class TestCovers:
    def test_is_not_said_of_a_cap_alone(self) -> None:
        assert not read({"cap_seconds": 60}).covers
        assert not read({"break_glass_seconds": 60}).covers
        assert all(read(value).covers for value in ({"deny": True}, {"allow_without_human": True}))
        assert read({"steps": [{"kind": "manager"}], "cap_seconds": 60}).covers


class TestSentences:
    def test_say_every_part(self) -> None:
        all_of_it = Consequence(steps=(StepSpec(StepKind.MANAGER),), cap=timedelta(days=7), cadence=timedelta(days=90))
        assert sentences(all_of_it) == [
            "Manager decides.",
            "A lease lasts at most 7 days.",
            "Access is reviewed at least every 90 days.",
        ]


class TestAStep:
    """What it may say besides whose decision it asks for."""

    WHOLE = {"kind": "team", "required": 2, "team": "ledger", "when": "true", "counts": ["true"], "skip_repeat": True}

    def test_reads_as_it_is_written(self) -> None:
        assert written(read({"steps": [self.WHOLE]})) == {"steps": [self.WHOLE]}

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"when": True}, "own condition is a text"),
            ({"counts": "true"}, "list of criteria"),
            ({"counts": [""]}, "list of criteria"),
            ({"skip_repeat": "yes"}, "skip_repeat is true or false"),
            ({"kind": "identity_owner", "counts": ["true"]}, "A consent is asked of whoever answers"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(self, said: dict[str, Any], why: str) -> None:
        with pytest.raises(ConsequenceError, match=why):
            read({"steps": [{"kind": "manager", **said}]})

    def test_of_two_rules_is_as_strict_as_both(self) -> None:
        one = StepSpec(StepKind.MANAGER, counts=("a",), skip_repeat=True)
        other = StepSpec(StepKind.MANAGER, counts=("b",))
        assert union([one, other]) == union([other, one]) == (StepSpec(StepKind.MANAGER, counts=("a", "b")),)

    def test_says_all_of_it(self) -> None:
        (said,) = sentences(read({"steps": [self.WHOLE]}))
        assert said == (
            "Team ledger decides, 2 of them, where true, counting those of whom is true: true, "
            "skipped where they have approved another step."
        )

    def test_say_how_long_break_glass_lasts(self) -> None:
        told = sentences(Consequence(break_glass=timedelta(hours=4)))
        assert told == ["In an emergency it may be taken at once, for at most 4 hours."]
