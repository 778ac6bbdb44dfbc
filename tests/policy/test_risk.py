from datetime import timedelta
from typing import Any

import pytest

from governance.catalog.states import Risk
from governance.policy.facts import declarations
from governance.policy.risk import FACTORS, TIERS, explained
from tests.policy.samples import facts

PLAIN: dict[str, Any] = {
    "entitlement__risk": "low",
    "system__environment": "development",
    "system__risk": "low",
    "identity__kind": "person",
}
"""An access with no factor at all."""


def factors(**changes: Any) -> list[tuple[str, int]]:
    risk = facts(**{**PLAIN, **changes}).risk
    return list(zip(risk.factors, risk.weights, strict=True))


class TestFactors:
    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("entitlement of moderate risk", {"entitlement__risk": "moderate"}),
            ("entitlement of high risk", {"entitlement__risk": "high"}),
            ("entitlement of critical risk", {"entitlement__risk": "critical"}),
            ("entitlement of critical risk", {"entitlement__risk": "unheard of"}),
            ("entitlement of critical risk", {"entitlement__risk": ""}),
            ("privileged", {"entitlement__privileged": True}),
            ("production", {"system__environment": "production"}),
            ("production", {"system__environment": "unheard of"}),
            ("system of high risk", {"system__risk": "high"}),
            ("system of critical risk", {"system__risk": "critical"}),
            ("system of critical risk", {"system__risk": "unheard of"}),
            ("external", {"identity__kind": "external"}),
            ("AI agent", {"identity__kind": "agent"}),
            ("emergency", {"purpose__emergency": True}),
            ("long lease", {"request__term": timedelta(days=90, seconds=1)}),
            ("other privileged access", {"access__privileged": True}),
        ],
    )
    def test_are_present_alone_and_weigh_what_the_table_says(self, name: str, changes: dict[str, Any]) -> None:
        (weight,) = (factor.weight for factor in FACTORS if factor.name == name)
        assert factors(**changes) == [(name, weight)]

    @pytest.mark.parametrize("changes", [{}, {"system__environment": "test"}, {"request__term": timedelta(days=90)}])
    def test_are_absent_from_what_is_plain(self, changes: dict[str, Any]) -> None:
        risk = facts(**{**PLAIN, **changes}).risk
        assert (risk.score, risk.tier, risk.factors) == (0, "low", ())

    def test_rest_on_facts_that_there_are(self) -> None:
        assert {factor.fact for factor in FACTORS} <= {fact.name for fact in declarations()}
        assert len({factor.name for factor in FACTORS}) == len(FACTORS)


class TestScore:
    def test_is_the_sum_of_the_weights(self) -> None:
        risk = facts().risk
        assert risk.score == sum(risk.weights) == 45

    def test_follows_the_facts_wherever_they_change(self) -> None:
        assert facts().risk != facts(entitlement__risk="critical").risk

    def test_is_explained_from_what_a_decision_keeps(self) -> None:
        kept = {"factors": ["production", "external"], "weights": [15, 5]}
        assert list(explained(kept)) == [("production", 15), ("external", 5)]


class TestTier:
    @pytest.mark.parametrize(
        ("tier", "changes"),
        [
            ("low", {}),
            ("low", {"system__risk": "high", "identity__kind": "external"}),
            ("moderate", {"system__environment": "production"}),
            ("moderate", {"entitlement__privileged": True}),
            ("moderate", {"entitlement__risk": "moderate", "system__environment": "production"}),
            (
                "high",
                {
                    "entitlement__risk": "moderate",
                    "entitlement__privileged": True,
                    "system__environment": "production",
                    "system__risk": "critical",
                    "access__privileged": True,
                    "request__term": timedelta(days=120),
                },
            ),
            (
                "high",
                {"entitlement__risk": "high", "entitlement__privileged": True, "system__environment": "production"},
            ),
            (
                "critical",
                {
                    "entitlement__risk": "high",
                    "entitlement__privileged": True,
                    "system__environment": "production",
                    "system__risk": "critical",
                },
            ),
        ],
    )
    def test_follows_from_the_score(self, tier: str, changes: dict[str, Any]) -> None:
        assert facts(**{**PLAIN, **changes}).risk.tier == tier

    @pytest.mark.parametrize("risk", list(Risk))
    def test_is_never_below_the_risk_of_the_entitlement(self, risk: Risk) -> None:
        assert facts(**{**PLAIN, "entitlement__risk": risk.value}).risk.tier == risk

    def test_begins_at_its_very_score(self) -> None:
        assert sorted(TIERS.values(), reverse=True) == list(TIERS.values())
        assert set(TIERS) == set(Risk)
        moderate = facts(**{**PLAIN, "system__environment": "production"}).risk
        assert (moderate.score, moderate.tier) == (TIERS[Risk.MODERATE], "moderate")
