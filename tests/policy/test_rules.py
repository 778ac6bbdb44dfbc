from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy import builtin
from governance.policy.cel import EvaluationFailed
from governance.policy.consequences import StepSpec
from governance.policy.facts import EXAMPLE, Facts
from governance.policy.rules import RuleData, evaluate
from governance.policy.states import OutcomeKind, StepKind
from tests.policy.samples import facts, rule
from tests.policy.test_consequences import CONSEQUENCES

DAY = 86400
BROKEN_CONDITIONS = (
    "identity.kynd == 'agent'",
    "1 / 0 == 1",
    "identity.name",
    "assurance >",
    "duration('1d') < request.term",
)


class TestEvaluate:
    def test_denies_what_no_rule_covers(self) -> None:
        verdict = evaluate([], EXAMPLE)
        assert not verdict.allowed
        assert [reason.text for reason in verdict.denials] == ["No rule covers this access."]

    def test_does_not_count_a_cap_as_covering(self) -> None:
        verdict = evaluate([rule("POL-01", cap_seconds=DAY)], EXAMPLE)
        assert [reason.text for reason in verdict.denials] == ["No rule covers this access."]

    def test_does_not_count_a_rule_that_does_not_apply(self) -> None:
        assert not evaluate([rule("POL-01", "assurance == 3", allow_without_human=True)], EXAMPLE).allowed

    def test_lets_deny_win(self) -> None:
        rules = [
            rule("POL-01", allow_without_human=True),
            rule("POL-02", deny=True, reason="{identity.name} may not."),
            rule("POL-03", steps=["manager"]),
        ]
        verdict = evaluate(rules, EXAMPLE)
        assert not verdict.allowed
        assert verdict.steps == ()
        assert [(reason.rule_key, reason.text) for reason in verdict.denials] == [
            ("POL-02", "agent-invoice-reader may not.")
        ]

    def test_unites_steps_in_the_fixed_order(self) -> None:
        rules = [rule("POL-01", steps=["security", "system_owner"]), rule("POL-02", steps=["manager", "system_owner"])]
        verdict = evaluate(rules, EXAMPLE)
        assert verdict.allowed
        assert verdict.needs_human
        assert [step.kind for step in verdict.steps] == [StepKind.MANAGER, StepKind.SYSTEM_OWNER, StepKind.SECURITY]

    def test_allows_without_a_human_only_where_no_step_is_asked_for(self) -> None:
        alone = evaluate([rule("POL-01", allow_without_human=True)], EXAMPLE)
        assert (alone.allowed, alone.needs_human, alone.steps) == (True, False, ())
        both = evaluate([rule("POL-01", allow_without_human=True), rule("POL-02", steps=["manager"])], EXAMPLE)
        assert (both.allowed, both.needs_human) == (True, True)

    def test_lets_the_strictest_cap_win(self) -> None:
        rules = [rule("POL-01", steps=["manager"], cap_seconds=9 * DAY), rule("POL-02", cap_seconds=3 * DAY)]
        verdict = evaluate(rules, EXAMPLE)
        assert verdict.cap == timedelta(days=3)
        assert verdict.latest_end == EXAMPLE.now + timedelta(days=3)
        assert verdict.binding.rule_key == "POL-02"

    def test_never_caps_at_more_than_the_catalog_does(self) -> None:
        verdict = evaluate([rule("POL-01", steps=["manager"], cap_seconds=900 * DAY)], EXAMPLE)
        assert verdict.cap == EXAMPLE.entitlement.longest_lease
        assert verdict.binding.text == "Match invoices to orders is leased for at most 60 days."

    @pytest.mark.parametrize("condition", BROKEN_CONDITIONS)
    def test_denies_for_a_broken_condition_and_names_the_rule(self, condition: str) -> None:
        verdict = evaluate([rule("POL-01", steps=["manager"]), rule("POL-02", condition, steps=["manager"])], EXAMPLE)
        assert not verdict.allowed
        (denial,) = verdict.denials
        assert (denial.rule_key, denial.broken) == ("POL-02", True)
        assert "POL-02 is broken" in denial.text
        assert denial.defect
        assert denial.defect not in denial.text

    def test_denies_for_a_reason_that_cannot_be_filled_in(self) -> None:
        verdict = evaluate([rule("POL-01", reason="Because of {identity.nome}.", allow_without_human=True)], EXAMPLE)
        assert [(reason.rule_key, reason.broken) for reason in verdict.denials] == [("POL-01", True)]

    def test_denies_for_a_defect_found_on_loading_even_where_the_rule_would_not_apply(self) -> None:
        damaged = replace(rule("POL-01", "false", allow_without_human=True), defect="unreadable outcomes")
        assert not evaluate([damaged, rule("POL-02", steps=["manager"])], EXAMPLE).allowed

    def test_says_the_cap_of_the_rule_itself(self) -> None:
        verdict = evaluate([rule("POL-01", reason="At most {cap}.", steps=["manager"], cap_seconds=8 * 3600)], EXAMPLE)
        assert "At most 8 hours." in [reason.text for reason in verdict.reasons]

    def test_names_every_rule_in_force_whether_or_not_it_applied(self) -> None:
        rules = [rule("POL-02", "false", deny=True), replace(rule("POL-01", steps=["manager"]), version=4)]
        assert evaluate(rules, EXAMPLE).rule_versions == (("POL-01", 4), ("POL-02", 1))

    def test_tells_the_heaviest_reasons_first_and_then_by_priority(self) -> None:
        rules = [
            rule("POL-01", cap_seconds=DAY),
            rule("POL-02", steps=["manager"]),
            replace(rule("POL-03", steps=["security"]), priority=200),
            rule("POL-04", deny=True),
        ]
        told = [reason.rule_key for reason in evaluate(rules, EXAMPLE).reasons if not reason.built_in]
        assert told == ["POL-04", "POL-03", "POL-02", "POL-01"]

    def test_tells_reasons_of_equal_weight_by_their_keys(self) -> None:
        alike = [rule(key, steps=["manager"]) for key in ("POL-02", "POL-01", "POL-03")]
        told = [reason.rule_key for reason in evaluate(alike, EXAMPLE).reasons if not reason.built_in]
        assert told == ["POL-01", "POL-02", "POL-03"]

    def test_says_all_that_is_wrong_at_once(self) -> None:
        wrong = facts(identity__status="suspended", purpose__state="retired")
        assert len(evaluate([rule("POL-01", deny=True)], wrong).denials) == 3

    def test_refuses_facts_that_are_not_of_their_declared_type(self) -> None:
        with pytest.raises(EvaluationFailed, match="assurance"):
            evaluate([rule("POL-01", allow_without_human=True)], facts(assurance="2"))


class TestRuleTen:
    RULES = (rule("POL-01", allow_without_human=True),)
    LOW = {"request__by_machine": True, "entitlement__risk": "low", "system__environment": "test"}

    def test_asks_a_human_about_what_a_machine_wants_above_low_risk(self) -> None:
        verdict = evaluate(self.RULES, facts(request__by_machine=True, entitlement__risk="moderate"))
        assert verdict.allowed
        assert verdict.steps == (StepSpec(StepKind.ENTITLEMENT_OWNER),)

    def test_lets_policy_answer_a_machine_for_low_risk(self) -> None:
        verdict = evaluate(self.RULES, facts(**self.LOW))
        assert (verdict.allowed, verdict.needs_human) == (True, False)

    def test_asks_a_human_where_more_than_the_entitlement_makes_it_risky(self) -> None:
        verdict = evaluate(self.RULES, facts(**{**self.LOW, "system__environment": "production"}))
        assert verdict.steps == (StepSpec(StepKind.ENTITLEMENT_OWNER),)

    def test_asks_for_no_more_where_a_rule_asks_a_human_already(self) -> None:
        verdict = evaluate([rule("POL-01", steps=["manager"])], facts(request__by_machine=True))
        assert verdict.steps == (StepSpec(StepKind.MANAGER),)


class TestEnd:
    def test_is_the_earliest_of_term_cap_and_fixed_end(self) -> None:
        verdict = evaluate([rule("POL-01", steps=["manager"], cap_seconds=7 * DAY)], EXAMPLE)
        start = datetime(2026, 12, 1, tzinfo=UTC)
        assert verdict.end(start, timedelta(hours=2)) == start + timedelta(hours=2)
        assert verdict.end(start, timedelta(days=30)) == start + timedelta(days=7)
        late = datetime(2027, 3, 30, tzinfo=UTC)
        assert verdict.end(late, timedelta(days=7)) == EXAMPLE.purpose.review_at == verdict.ends_by


# Properties -----------------------------------------------------------------------------------------------------------

SOUND_CONDITIONS = ["true", "false", "identity.machine", "entitlement.risk == 'low'", "request.term > duration('240h')"]
SOUND_RULES = st.builds(
    RuleData,
    key=st.integers(1, 99).map("POL-{:02}".format),
    version=st.integers(1, 3),
    condition=st.sampled_from(SOUND_CONDITIONS),
    consequence=CONSEQUENCES,
    reason=st.sampled_from(["Because.", "Because of {identity.name}."]),
    priority=st.integers(0, 300),
)
BROKEN_RULES = st.one_of(
    st.builds(replace, SOUND_RULES, condition=st.sampled_from(BROKEN_CONDITIONS)),
    st.builds(replace, SOUND_RULES, condition=st.just("true"), reason=st.just("Because of {nothing}.")),
    st.builds(replace, SOUND_RULES, defect=st.just("unreadable outcomes")),
)
KINDLY_RULES = SOUND_RULES.filter(lambda one: not one.consequence.deny)
FACTS = st.builds(
    lambda by_machine, risk, days, status: facts(
        identity__status=status,
        request__by_machine=by_machine,
        entitlement__risk=risk,
        request__term=timedelta(days=days),
    ),
    by_machine=st.booleans(),
    risk=st.sampled_from(["low", "moderate", "high", "critical"]),
    days=st.integers(1, 90),
    status=st.sampled_from(["active", "active", "active", "suspended"]),
)


def rule_sets(rules: st.SearchStrategy[RuleData]) -> st.SearchStrategy[list[RuleData]]:
    return st.lists(rules, max_size=5, unique_by=lambda one: one.key)


ANY_RULES = rule_sets(st.one_of(KINDLY_RULES, SOUND_RULES, BROKEN_RULES))


class TestProperties:
    @given(ANY_RULES, FACTS, st.randoms())
    def test_the_order_of_the_rules_is_irrelevant(self, rules: list[RuleData], known: Facts, random: Random) -> None:
        shuffled = list(rules)
        random.shuffle(shuffled)
        assert evaluate(shuffled, known) == evaluate(rules, known)

    @given(rule_sets(SOUND_RULES), SOUND_RULES, FACTS)
    def test_a_rule_more_never_turns_deny_into_allow_but_where_nothing_covered(
        self, rules: list[RuleData], more: RuleData, known: Facts
    ) -> None:
        before, after = evaluate(rules, known), evaluate([*rules, more], known)
        may_turn = before.denials == (builtin.UNCOVERED,) and more.consequence.covers
        assert before.allowed or may_turn or not after.allowed

    @given(ANY_RULES, SOUND_RULES, FACTS)
    def test_a_rule_more_never_lengthens_a_lease(self, rules: list[RuleData], more: RuleData, known: Facts) -> None:
        before, after = evaluate(rules, known), evaluate([*rules, more], known)
        assert after.cap <= before.cap
        assert after.latest_end <= before.latest_end

    @given(rule_sets(KINDLY_RULES), KINDLY_RULES, FACTS)
    def test_a_rule_more_never_takes_the_human_out(self, rules: list[RuleData], more: RuleData, known: Facts) -> None:
        before, after = evaluate(rules, known), evaluate([*rules, more], known)
        assert after.needs_human or not before.needs_human

    @given(ANY_RULES, BROKEN_RULES, FACTS)
    def test_a_broken_rule_never_yields_allowed(self, rules: list[RuleData], broken: RuleData, known: Facts) -> None:
        verdict = evaluate([*rules, broken], known)
        assert not verdict.allowed
        assert broken.key in {reason.rule_key for reason in verdict.denials if reason.broken}

    @given(ANY_RULES, FACTS)
    def test_a_verdict_follows_from_its_reasons(self, rules: list[RuleData], known: Facts) -> None:
        verdict = evaluate(rules, known)
        assert verdict.allowed == (not verdict.denials)
        assert verdict.latest_end == verdict.binding.limit(known.now)
        assert verdict.allowed or not verdict.steps
        covering = {OutcomeKind.REQUIRE_STEPS, OutcomeKind.ALLOW_WITHOUT_HUMAN}
        assert not verdict.allowed or any(reason.outcome in covering for reason in verdict.reasons)
