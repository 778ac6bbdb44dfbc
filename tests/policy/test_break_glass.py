"""Rule 11 in policy: who may break the glass, for what and for how long; whatever does not say so itself says no."""

from datetime import timedelta
from typing import Any

import pytest

from governance.policy.checks import faults
from governance.policy.consequences import StepSpec
from governance.policy.facts import Facts
from governance.policy.rules import RuleData, evaluate
from governance.policy.states import Mode, StepKind
from tests.policy.samples import facts, rule

HOUR = 3600
GLASS = rule("POL-20", break_glass_seconds=4 * HOUR)


def emergency(**changes: Any) -> Facts:
    """A person who takes something at once for themselves, for an hour of an emergency."""
    said: dict[str, Any] = {
        "identity__kind": "person",
        "identity__machine": False,
        "entitlement__allowed_kinds": ("person",),
        "purpose__emergency": True,
        "request__break_glass": True,
        "request__for_self": True,
        "request__term": timedelta(hours=1),
    }
    return facts(**{**said, **changes})


class TestARuleThatAllowsBreakGlass:
    def test_allows_it(self) -> None:
        verdict = evaluate([GLASS], emergency())
        assert verdict.allowed
        assert verdict.cap == timedelta(hours=4)
        assert verdict.why == "Because."

    def test_says_nothing_of_ordinary_access(self) -> None:
        verdict = evaluate([GLASS], facts())
        assert [reason.text for reason in verdict.denials] == ["No rule covers this access."]
        assert "POL-20" not in {reason.rule_key for reason in verdict.reasons}

    def test_denies_ordinary_access_as_well_while_it_is_broken(self) -> None:
        """As every broken rule: nobody knows what it would have said."""
        broken = rule("POL-20", reason="Because of {nothing}.", break_glass_seconds=HOUR)
        assert not evaluate([broken, rule("POL-01", allow_without_human=True)], facts()).allowed

    def test_leaves_ordinary_access_its_own_cap(self) -> None:
        both = rule("POL-20", steps=["manager"], break_glass_seconds=HOUR)
        verdict = evaluate([both], facts())
        assert verdict.allowed
        assert verdict.cap == timedelta(days=60)

    def test_keeps_the_steps_that_are_skipped(self) -> None:
        verdict = evaluate([GLASS, rule("POL-21", steps=["manager"])], emergency())
        assert verdict.allowed
        assert verdict.steps == (StepSpec(StepKind.MANAGER),)

    def test_is_the_shorter_the_stricter_another_one_is(self) -> None:
        verdict = evaluate([GLASS, rule("POL-21", break_glass_seconds=HOUR)], emergency())
        assert verdict.cap == timedelta(hours=1)

    def test_says_its_time_in_its_reason(self) -> None:
        spoken = rule("POL-20", reason="For at most {break_glass}.", break_glass_seconds=4 * HOUR)
        assert evaluate([spoken], emergency()).why == "For at most 4 hours."


class TestNothingElseAllowsIt:
    @pytest.mark.parametrize(
        "rules",
        [
            [],
            [rule("POL-01", allow_without_human=True)],
            [rule("POL-01", steps=["manager"])],
            [rule("POL-01", cap_seconds=HOUR)],
            [rule("POL-20", "false", break_glass_seconds=HOUR)],
            [rule("POL-20", mode=Mode.RECORD, break_glass_seconds=HOUR)],
            [rule("POL-20", mode=Mode.WARN, break_glass_seconds=HOUR)],
            [rule("POL-20", mode=Mode.REQUIRE_APPROVAL, break_glass_seconds=HOUR)],
        ],
        ids=lambda rules: ", ".join(f"{one.mode} {'+'.join(one.consequence.kinds)}" for one in rules) or "no rule",
    )
    def test_so_it_is_denied(self, rules: list[RuleData]) -> None:
        verdict = evaluate(rules, emergency())
        assert [reason.text for reason in verdict.denials] == ["No rule allows break-glass here."]

    def test_nor_does_one_that_allows_it_outweigh_a_denial(self) -> None:
        assert not evaluate([GLASS, rule("POL-21", deny=True)], emergency()).allowed
        alone = evaluate([rule("POL-21", deny=True)], emergency())
        assert [reason.text for reason in alone.denials] == ["Because."]

    def test_nor_one_beside_a_broken_rule(self) -> None:
        assert not evaluate([GLASS, rule("POL-21", "1 / 0 == 1", allow_without_human=True)], emergency()).allowed


class TestTheDomainItself:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"purpose__emergency": False}, "is no emergency: break-glass is for emergencies alone"),
            ({"request__for_self": False}, "Break-glass is for oneself alone"),
            ({"request__by_machine": True}, "A machine identity can't break the glass"),
            ({"identity__machine": True}, "A machine identity can't break the glass"),
            ({"purpose__state": "retired"}, "access rests on an active purpose"),
            ({"purpose__justifies": False}, "does not justify"),
        ],
    )
    def test_refuses_it_whatever_rules_allow(self, changes: dict[str, Any], words: str) -> None:
        verdict = evaluate([GLASS], emergency(**changes))
        assert [words in reason.text for reason in verdict.denials] == [True]

    def test_keeps_it_within_separation(self) -> None:
        breaking = {"separation__breaks": ("SOD-01/1",), "separation__reasons": ("Both would come together.",)}
        assert not evaluate([GLASS], emergency(**breaking)).allowed

    def test_caps_it_at_hours(self) -> None:
        verdict = evaluate([rule("POL-20", break_glass_seconds=12 * HOUR)], emergency())
        assert verdict.cap == timedelta(hours=12)

    def test_refuses_ordinary_access_for_an_emergency(self) -> None:
        """Else a lease of one kind could stand in the place of the other, or be renewed as it."""
        verdict = evaluate([rule("POL-01", allow_without_human=True)], facts(purpose__emergency=True))
        words = "is an emergency: what it is for is taken by break-glass alone"
        assert [words in reason.text for reason in verdict.denials] == [True]


class TestWriting:
    def test_refuses_to_have_it_approved(self) -> None:
        found = faults("true", {"break_glass_seconds": HOUR}, "Because.", Mode.REQUIRE_APPROVAL)
        assert [one.field for one in found] == ["mode"]
