"""Rules as data with versions, and the decisions made by them."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q

from governance.core.models import Governed, Record
from governance.policy.states import EXAMPLE_MOVES, MOVES, ExampleState, Mode, Phase, VersionState

EFFECTIVE = Func(F("effective_from"), F("effective_until"), function="tstzrange", output_field=DateTimeRangeField())
"""The half-open period [effective_from, effective_until) in which a version is in force (rule 19)."""


class PolicyRule(Governed):
    """A rule by its name. What it says is in its versions, who answers for it in the ownerships."""

    NOUN = "policy_rule"

    key = models.CharField(
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"\A[A-Z][A-Z0-9]*-[0-9]{2,}\Z", "A key reads like POL-01.")],
    )
    title = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="policy_rule_has_a_title"),
        ]

    def __str__(self) -> str:
        return self.key

    def facts(self) -> dict[str, Any]:
        """Its name."""
        return {"key": self.key, "title": self.title}


class PolicyRuleVersion(Governed):
    """What a rule says from one moment to another. Once published only its end can change, and only to sooner."""

    NOUN = "policy_rule_version"
    MOVES = MOVES

    rule = models.ForeignKey(PolicyRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=VersionState.choices, default=VersionState.DRAFT)
    mode = models.CharField(max_length=20, choices=Mode.choices, default=Mode.BLOCK)
    priority = models.PositiveSmallIntegerField(default=100)
    condition = models.TextField()
    outcomes = models.JSONField()
    reason = models.TextField()
    effective_from = models.DateTimeField(null=True)
    effective_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "number"], name="one_policy_version_per_number"),
            models.CheckConstraint(condition=Q(number__gt=0), name="policy_versions_count_from_one"),
            models.CheckConstraint(condition=Q(state__in=VersionState.values), name="policy_version_state_is_known"),
            models.CheckConstraint(condition=Q(mode__in=Mode.values), name="policy_version_mode_is_known"),
            models.CheckConstraint(
                condition=~Q(condition="") & ~Q(reason="") & ~Q(outcomes={}),
                name="policy_version_has_condition_outcome_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(state=VersionState.DRAFT, effective_from__isnull=True, effective_until__isnull=True)
                | (~Q(state=VersionState.DRAFT) & Q(effective_from__isnull=False)),
                name="published_policy_version_says_from_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=VersionState.RETIRED) | Q(effective_until__isnull=False),
                name="retired_policy_version_says_until_when",
            ),
            models.CheckConstraint(
                condition=Q(effective_until__isnull=True) | Q(effective_until__gte=F("effective_from")),
                name="policy_version_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="rule_03_one_policy_version_in_force",
                expressions=[("rule", RangeOperators.EQUAL), (EFFECTIVE, RangeOperators.OVERLAPS)],
                condition=~Q(state=VersionState.DRAFT),
                violation_error_message="Another version of this rule is in force in that time.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule.key} version {self.number}"

    def facts(self) -> dict[str, Any]:
        """Everything it says."""
        return {
            "rule_id": str(self.rule_id),
            "number": self.number,
            "mode": self.mode,
            "priority": self.priority,
            "condition": self.condition,
            "outcomes": self.outcomes,
            "reason": self.reason,
        }


class PolicyExample(Governed):
    """An example kept with a rule as a test: no version is published that it fails.

    `changed_facts` are those in which it differs from the ordinary example, by name and as decisions keep them.
    `outcome` is what has to follow where the rule applies, or empty where anything may.
    """

    NOUN = "policy_example"
    MOVES = EXAMPLE_MOVES

    rule = models.ForeignKey(PolicyRule, on_delete=models.PROTECT, related_name="examples")
    title = models.CharField(max_length=200)
    changed_facts = models.JSONField(default=dict)
    applies = models.BooleanField()
    outcome = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=16, choices=ExampleState.choices, default=ExampleState.KEPT)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ExampleState.values), name="policy_example_state_is_known"),
            models.CheckConstraint(condition=~Q(title=""), name="policy_example_has_a_title"),
            models.CheckConstraint(condition=Q(applies=True) | Q(outcome=""), name="only_what_applies_has_an_outcome"),
            models.UniqueConstraint(
                fields=["rule", "title"],
                condition=Q(state=ExampleState.KEPT),
                name="one_policy_example_per_title",
                violation_error_message="Another example of this rule has this title.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule.key}: {self.title}"

    def facts(self) -> dict[str, Any]:
        """Everything it says."""
        return {
            "rule_id": str(self.rule_id),
            "title": self.title,
            "changed_facts": self.changed_facts,
            "applies": self.applies,
            "outcome": self.outcome,
        }


class PolicyDecision(Record):
    """What policy said of one subject at one moment, with the facts and the versions it rests on. Append-only.

    Those that are older than cadence and modes say nothing of them.
    """

    NOUN = "policy_decision"

    phase = models.CharField(max_length=16, choices=Phase.choices)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    allowed = models.BooleanField()
    needs_human = models.BooleanField()
    steps = models.JSONField()
    cap = models.DurationField()
    cadence = models.DurationField(null=True)
    latest_end = models.DateTimeField()
    reasons = models.JSONField()
    facts = models.JSONField()
    facts_hash = models.CharField(max_length=64)
    rule_versions = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_id", "-at"], name="policy_decisions_by_subject"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(phase__in=Phase.values), name="rule_03_policy_phase_is_known"),
            models.CheckConstraint(condition=~Q(reasons=[]), name="rule_15_policy_decision_says_why"),
            models.CheckConstraint(
                condition=Q(allowed=True, needs_human=True) & ~Q(steps=[]) | Q(needs_human=False, steps=[]),
                name="rule_15_steps_are_asked_of_a_human",
            ),
            models.CheckConstraint(
                condition=Q(allowed=False) | Q(cap__gt=timedelta(0), latest_end__gt=F("at")),
                name="rule_01_allowed_access_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(cadence__isnull=True) | Q(cadence__gt=timedelta(0)), name="policy_cadence_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(facts_hash__regex=r"^[0-9a-f]{64}$"), name="facts_hash_is_sha256_in_hex"
            ),
        ]

    @property
    def risk(self) -> dict[str, Any] | None:
        """How risky it was, with score, tier and factors; None for decisions that are older than the tier."""
        risk: dict[str, Any] | None = self.facts.get("risk")
        return risk

    @property
    def told(self) -> list[dict[str, Any]]:
        """The reasons for requester and approvers: all but those of rules that were only recorded."""
        return [reason for reason in self.reasons if reason.get("mode") != Mode.RECORD]

    def __str__(self) -> str:
        return f"Policy {'allowed' if self.allowed else 'denied'} at {self.at:%Y-%m-%d %H:%M:%S}"
