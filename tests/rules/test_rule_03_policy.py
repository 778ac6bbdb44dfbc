"""Rule 3 rests on decisions and versions that stay what they were: here the database is asked to change them."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from governance.core.actor import Actor
from governance.policy.models import PolicyDecision, PolicyRuleVersion
from governance.policy.moves import record_decision
from governance.policy.rules import evaluate
from governance.policy.states import Phase, VersionState
from tests.builders import rule
from tests.policy import samples

pytestmark = pytest.mark.django_db


def sql(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def decision() -> PolicyDecision:
    verdict = evaluate([samples.rule("POL-01", steps=["manager"])], samples.facts())
    return record_decision(
        verdict, phase=Phase.SUBMISSION, subject_kind="request_item", subject_id=uuid4(), actor=Actor.system("test")
    )


class TestPolicyDecision:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE governance_policydecision SET allowed = true",
            "UPDATE governance_policydecision SET at = at",
            "DELETE FROM governance_policydecision",
            "TRUNCATE governance_policydecision CASCADE",
        ],
    )
    def test_is_never_changed(self, decision: PolicyDecision, statement: str) -> None:
        with pytest.raises(DatabaseError, match="append-only"):
            sql(statement)

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"phase": "preview"}, "rule_03_policy_phase_is_known"),
            ({"reasons": []}, "rule_15_policy_decision_says_why"),
            ({"steps": []}, "rule_15_steps_are_asked_of_a_human"),
            ({"needs_human": False}, "rule_15_steps_are_asked_of_a_human"),
            ({"allowed": False}, "rule_15_steps_are_asked_of_a_human"),
            ({"cap": timedelta()}, "rule_01_allowed_access_has_an_end"),
            ({"latest_end": samples.facts().now}, "rule_01_allowed_access_has_an_end"),
            ({"facts_hash": "unknown"}, "facts_hash_is_sha256_in_hex"),
        ],
    )
    def test_is_refused_where_it_contradicts_itself(
        self, decision: PolicyDecision, changes: dict[str, Any], constraint: str
    ) -> None:
        decision.pk = uuid4()
        for name, value in changes.items():
            setattr(decision, name, value)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            decision.save(force_insert=True)


class TestPublishedVersion:
    @pytest.fixture
    def version(self) -> PolicyRuleVersion:
        return rule("manager").versions.get()

    @pytest.mark.parametrize(
        "change",
        [
            "condition = 'true || true'",
            "outcomes = '{\"allow_without_human\": true}'",
            "reason = 'Because I say so.'",
            "priority = 7",
            "number = 7",
            "effective_from = effective_from - interval '1 day'",
            "state = 'draft', effective_from = NULL",
        ],
    )
    def test_says_for_ever_what_it_said(self, version: PolicyRuleVersion, change: str) -> None:
        with pytest.raises(DatabaseError, match="never changed"):
            sql(f"UPDATE governance_policyruleversion SET {change} WHERE id = %s", version.pk)

    def test_ends_sooner_and_never_later(self, version: PolicyRuleVersion) -> None:
        end = "UPDATE governance_policyruleversion SET effective_until = %s WHERE id = %s"
        now = timezone.now()
        sql(end, now + timedelta(days=2), version.pk)
        sql(end, now + timedelta(days=1), version.pk)
        for later in (now + timedelta(days=2), None):
            with pytest.raises(DatabaseError, match="never changed"):
                sql(end, later, version.pk)

    def test_is_never_deleted(self, version: PolicyRuleVersion) -> None:
        with pytest.raises(DatabaseError):
            sql("DELETE FROM governance_policyruleversion WHERE id = %s", version.pk)

    @pytest.mark.parametrize("state", [VersionState.PUBLISHED, VersionState.RETIRED])
    def test_shares_no_moment_with_another(self, version: PolicyRuleVersion, state: VersionState) -> None:
        assert version.effective_from is not None
        twin = _copy(version, number=2, state=state)
        twin["effective_until"] = version.effective_from + timedelta(days=9)
        with pytest.raises(IntegrityError, match="rule_03_one_policy_version_in_force"):
            _insert(twin)
        twin["effective_until"] = version.effective_from
        twin["effective_from"] = version.effective_from - timedelta(days=1)
        _insert(twin)

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"number": 1, "state": "draft", "effective_from": None}, "one_policy_version_per_number"),
            ({"number": 2, "state": "draft"}, "published_policy_version_says_from_when"),
            ({"number": 2, "effective_from": None}, "published_policy_version_says_from_when"),
            ({"number": 2, "state": "retired"}, "retired_policy_version_says_until_when"),
            ({"number": 2, "state": "approved"}, "policy_version_state_is_known"),
            ({"number": 2, "mode": "shadow"}, "policy_version_mode_is_known"),
            ({"number": 2, "outcomes": "{}"}, "policy_version_has_condition_outcome_and_reason"),
            ({"number": 0, "state": "draft", "effective_from": None}, "policy_versions_count_from_one"),
        ],
    )
    def test_is_refused_where_it_contradicts_itself(
        self, version: PolicyRuleVersion, changes: dict[str, Any], constraint: str
    ) -> None:
        with pytest.raises(IntegrityError, match=constraint):
            _insert(_copy(version, **changes))


def _copy(version: PolicyRuleVersion, **changes: Any) -> dict[str, Any]:
    values = PolicyRuleVersion.objects.filter(pk=version.pk).values().get()
    return {**values, "id": uuid4(), "outcomes": '{"deny": true}', **changes}


def _insert(values: dict[str, Any]) -> None:
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    sql(f"INSERT INTO governance_policyruleversion ({columns}) VALUES ({places})", *values.values())
