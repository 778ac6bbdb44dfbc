"""Rules of separation of duties with versions, what breaks them, and the mitigations that are allowed to."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from governance.catalog.models import Bundle, Entitlement
from governance.catalog.states import Risk
from governance.core.models import Governed, Record
from governance.core.numbers import NextNumber
from governance.identities.models import Identity
from governance.separation import querysets
from governance.separation.states import (
    MITIGATION_MOVES,
    STANDING,
    VERSION_MOVES,
    VIOLATION_MOVES,
    MitigationState,
    Side,
    VersionState,
    ViolationState,
)


class SeparationRule(Governed):
    """A rule by its name. What it says is in its versions, who answers for it in the ownerships."""

    NOUN = "separation_rule"

    key = models.CharField(
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"\A[A-Z][A-Z0-9]*-[0-9]{2,}\Z", "A key reads like SOD-01.")],
    )
    title = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(title=""), name="separation_rule_has_a_title"),
        ]

    def __str__(self) -> str:
        return self.key

    def facts(self) -> dict[str, Any]:
        """Its name."""
        return {"key": self.key, "title": self.title}


class SeparationRuleVersion(Governed):
    """What a rule says. Nothing of it changes: another wording is another version."""

    NOUN = "separation_rule_version"
    MOVES = VERSION_MOVES

    rule = models.ForeignKey(SeparationRule, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=VersionState.choices, default=VersionState.DRAFT)
    severity = models.CharField(max_length=16, choices=Risk.choices)
    reason = models.TextField()
    drafted_by = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    effective_from = models.DateTimeField(null=True)
    effective_until = models.DateTimeField(null=True)

    objects = querysets.VersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "number"], name="one_separation_version_per_number"),
            models.UniqueConstraint(
                fields=["rule"], condition=Q(state=VersionState.IN_FORCE), name="rule_07_one_version_in_force"
            ),
            models.CheckConstraint(
                condition=Q(state__in=VersionState.values), name="separation_version_state_is_known"
            ),
            models.CheckConstraint(condition=Q(severity__in=Risk.values), name="separation_severity_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="separation_version_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.rule.key} version {self.number}"

    def facts(self) -> dict[str, Any]:
        """Everything it says."""
        return {
            "rule_id": str(self.rule_id),
            "number": self.number,
            "severity": self.severity,
            "reason": self.reason,
        }


class SeparationMember(Record):
    """That an entitlement, or all that a bundle holds at any time, is on one side of a version.

    Append-only, as all that a version says.
    """

    version = models.ForeignKey(SeparationRuleVersion, on_delete=models.PROTECT, related_name="members")
    side = models.CharField(max_length=8, choices=Side.choices)
    entitlement = models.ForeignKey(Entitlement, null=True, on_delete=models.PROTECT, related_name="+")
    bundle = models.ForeignKey(Bundle, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "entitlement"], name="rule_07_an_entitlement_is_on_one_side"),
            models.UniqueConstraint(fields=["version", "bundle"], name="rule_07_a_bundle_is_on_one_side"),
            models.CheckConstraint(
                condition=Q(entitlement__isnull=True, bundle__isnull=False)
                | Q(entitlement__isnull=False, bundle__isnull=True),
                name="a_side_names_an_entitlement_or_a_bundle",
            ),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="separation_side_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement or self.bundle} on the {self.side} of {self.version}"


class Mitigation(Governed):
    """That somebody may hold both sides of a rule for a while, and what is done about it meanwhile.

    It is for an identity and counts for its human, named by `holder`: the human's id, a machine identity's own.
    One for emergencies covers what is taken by break-glass and nothing else, any other everything but that (rule 11).
    """

    NOUN = "mitigation"
    LABEL = "M-{number}"
    MOVES = MITIGATION_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("mitigation"), editable=False)
    rule = models.ForeignKey(SeparationRule, on_delete=models.PROTECT, related_name="mitigations")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="mitigations")
    holder = models.UUIDField()
    reason = models.TextField()
    control = models.TextField()
    emergency = models.BooleanField(default=False)
    requester = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    review_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=MitigationState.choices, default=MitigationState.PROPOSED)
    state_reason = models.TextField(blank=True)
    decider = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)

    objects = querysets.MitigationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            *(
                models.UniqueConstraint(
                    fields=["rule", "holder", "emergency"],
                    condition=Q(state=state),
                    name=f"rule_07_one_{state}_mitigation",
                )
                for state in (MitigationState.PROPOSED, MitigationState.APPROVED)
            ),
            models.CheckConstraint(condition=Q(state__in=MitigationState.values), name="mitigation_state_is_known"),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(control=""), name="rule_07_mitigation_says_why_and_how"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("requested_at"), review_at__lte=F("ends_at")),
                name="rule_07_mitigation_ends_and_is_reviewed",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[MitigationState.APPROVED, MitigationState.ENDED]) | Q(decider__isnull=False),
                name="rule_07_mitigation_is_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[MitigationState.APPROVED, MitigationState.ENDED])
                | (~Q(decider=F("requester")) & ~Q(decider=F("identity"))),
                name="rule_07_nobody_approves_their_own_mitigation",
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """For whom, of which rule, why, and until when."""
        return {
            "rule_id": str(self.rule_id),
            "identity_id": str(self.identity_id),
            "control": self.control,
            "emergency": self.emergency,
            "ends_at": self.ends_at,
            "review_at": self.review_at,
        }


class SeparationViolation(Governed):
    """That somebody holds both sides of a rule, since when and by which paths. `holder` is as in a mitigation."""

    NOUN = "separation_violation"
    LABEL = "V-{number}"
    MOVES = VIOLATION_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("separation_violation"), editable=False)
    rule = models.ForeignKey(SeparationRule, on_delete=models.PROTECT, related_name="violations")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="separation_violations")
    holder = models.UUIDField()
    severity = models.CharField(max_length=16, choices=Risk.choices)
    left = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="+")
    left_path = ArrayField(models.UUIDField())
    right_path = ArrayField(models.UUIDField())
    state = models.CharField(max_length=16, choices=ViolationState.choices)
    state_reason = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = querysets.ViolationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "holder"],
                condition=Q(state__in=sorted(STANDING)),
                name="rule_07_one_violation_of_a_rule_at_a_time",
            ),
            models.CheckConstraint(condition=Q(state__in=ViolationState.values), name="violation_state_is_known"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(STANDING), closed_at__isnull=True)
                | (~Q(state__in=sorted(STANDING)) & Q(closed_at__isnull=False)),
                name="resolved_violation_says_since_when",
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """Who breaks which rule, and by which paths."""
        return {
            "rule_id": str(self.rule_id),
            "identity_id": str(self.identity_id),
            "left_path": [str(pk) for pk in self.left_path],
            "right_path": [str(pk) for pk in self.right_path],
        }
