from datetime import timedelta
from typing import Any

import pytest

from governance.policy.consequences import read
from governance.policy.moves import Wording, check
from governance.policy.rules import RuleData, evaluate
from governance.policy.starter import RULES
from tests.policy.samples import facts

IN_FORCE = [RuleData(rule.key, 1, rule.condition, read(rule.outcomes), rule.reason, rule.priority) for rule in RULES]
KINDS = ("person", "external", "service_account", "workload", "api_client", "agent")
RISKS = ("low", "moderate", "high", "critical")
ENVIRONMENTS = ("development", "test", "production")


def verdict_for(kind: str, risk: str, environment: str, **changes: Any) -> Any:
    return evaluate(
        IN_FORCE,
        facts(
            identity__kind=kind,
            identity__machine=kind not in {"person", "external"},
            entitlement__allowed_kinds=KINDS,
            entitlement__risk=risk,
            entitlement__longest_lease=timedelta(days=365),
            identity__ends_at=None,
            system__environment=environment,
            purpose__review_at=None,
            **changes,
        ),
    )


class TestStarterRules:
    @pytest.mark.parametrize(
        ("kind", "risk", "environment", "steps", "days"),
        [
            ("person", "low", "development", [], 230),
            ("person", "low", "production", ["manager"], 180),
            ("person", "moderate", "test", ["manager"], 180),
            ("person", "moderate", "production", ["manager", "entitlement_owner"], 180),
            ("person", "high", "development", ["manager", "entitlement_owner", "system_owner"], 7),
            ("person", "high", "production", ["manager", "entitlement_owner", "system_owner"], 7),
            ("person", "critical", "production", ["manager", "entitlement_owner", "system_owner", "security"], 0),
            ("external", "low", "development", [], 30),
            ("external", "moderate", "production", ["manager", "entitlement_owner"], 30),
            ("external", "high", "production", ["manager", "entitlement_owner", "system_owner"], 7),
            ("service_account", "moderate", "production", ["manager", "entitlement_owner"], 180),
            ("agent", "low", "development", [], 230),
            ("agent", "low", "production", ["manager", "system_owner"], 30),
            ("agent", "moderate", "production", ["manager", "entitlement_owner", "system_owner"], 30),
        ],
    )
    def test_decide(self, kind: str, risk: str, environment: str, steps: list[str], days: int) -> None:
        verdict = verdict_for(kind, risk, environment)
        assert verdict.allowed, [reason.text for reason in verdict.denials]
        assert [step.kind for step in verdict.steps] == steps
        assert (verdict.latest_end - verdict.facts.now).days == days

    def test_cap_what_is_critical_at_eight_hours(self) -> None:
        assert verdict_for("person", "critical", "production").cap == timedelta(hours=8)

    @pytest.mark.parametrize("kind", KINDS[2:])
    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_never_give_a_machine_what_is_critical(self, kind: str, environment: str) -> None:
        verdict = verdict_for(kind, "critical", environment)
        assert [reason.rule_key for reason in verdict.denials] == ["POL-07"]

    def test_keep_what_is_not_production_out_of_production(self) -> None:
        denied = verdict_for("workload", "low", "production", identity__environment="test")
        assert [reason.rule_key for reason in denied.denials] == ["POL-10"]
        assert verdict_for("workload", "low", "test", identity__environment="test").allowed

    def test_ask_a_manager_about_privileged_access_of_low_risk(self) -> None:
        assert verdict_for("person", "low", "development", entitlement__privileged=True).needs_human

    @pytest.mark.parametrize("risk", RISKS)
    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    @pytest.mark.parametrize("privileged", [False, True])
    def test_cover_every_entitlement(self, risk: str, environment: str, privileged: bool) -> None:
        assert verdict_for("person", risk, environment, entitlement__privileged=privileged).allowed

    @pytest.mark.parametrize(
        ("risk", "cap", "cadence"),
        [("low", 365, 365), ("moderate", 180, 180), ("high", 7, 90), ("critical", 8 / 24, 30)],
    )
    def test_set_lease_and_review_by_tier_together(self, risk: str, cap: float, cadence: int) -> None:
        long = {"entitlement__review_cadence": timedelta(days=900)}
        verdict = verdict_for("person", risk, "development", **long)
        assert (verdict.cap, verdict.cadence) == (timedelta(days=cap), timedelta(days=cadence))

    def test_let_the_catalog_review_more_often(self) -> None:
        assert verdict_for("person", "low", "test").cadence == timedelta(days=90)

    @pytest.mark.parametrize(("days", "steps"), [(364, []), (365, ["entitlement_owner"])])
    def test_ask_the_owner_again_after_a_year(self, days: int, steps: list[str]) -> None:
        held = facts().now - timedelta(days=days)
        verdict = verdict_for("person", "low", "development", access__continuous_since=held)
        assert [step.kind for step in verdict.steps] == steps

    def test_can_all_be_kept(self) -> None:
        for rule in RULES:
            check(Wording(rule.condition, rule.outcomes, rule.reason, rule.priority))
