from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q

from governance.approvals import querysets
from governance.approvals.states import (
    DELEGABLE,
    ROUTE_MOVES,
    STEP_MOVES,
    Provenance,
    RouteState,
    StepState,
    Verdict,
)
from governance.core.models import Governed, Record
from governance.identities.models import PERIOD, Identity
from governance.policy.models import PolicyDecision
from governance.policy.states import CONSENTS, StepKind


class ApprovalRoute(Governed):
    """The ordered steps that must answer for one subject, frozen with the policy decision that asked for them.

    Where nobody gets access there is neither a beneficiary nor a decision of access policy: what is changed says who
    answers for it.
    `subject_label` is what the subject is called, so that the log says what a route and its steps are about.
    """

    NOUN = "approval_route"
    MOVES = ROUTE_MOVES

    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=300)
    beneficiary = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    policy_decision = models.ForeignKey(PolicyDecision, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=16, choices=RouteState.choices, default=RouteState.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=RouteState.values), name="route_state_is_known"),
            models.CheckConstraint(
                condition=Q(beneficiary__isnull=True, policy_decision__isnull=True)
                | Q(beneficiary__isnull=False, policy_decision__isnull=False),
                name="access_is_decided_by_policy_first",
            ),
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=Q(state=RouteState.OPEN),
                name="one_open_route_per_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_label}: route"

    def facts(self) -> dict[str, Any]:
        """What the route is about and which decision asked for it."""
        return {
            "subject_kind": self.subject_kind,
            "subject_id": str(self.subject_id),
            "policy_decision_id": str(self.policy_decision_id) if self.policy_decision_id else None,
        }


class ApprovalStep(Governed):
    """One answer that a route needs: whose, and by when. `target_id` is the thing whose owner is asked.

    Steps of one `stage` are open side by side. `required` of those who are asked must say yes, and where `everyone`
    must, all the others too. `counts` are criteria that whoever is asked has to meet, the governance team apart;
    `skip_repeat` lets the step be skipped where it would ask somebody who has approved another one.
    """

    NOUN = "approval_step"
    MOVES = STEP_MOVES

    route = models.ForeignKey(ApprovalRoute, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=24, choices=StepKind.choices)
    target_kind = models.CharField(max_length=32)
    target_id = models.UUIDField()
    target_label = models.CharField(max_length=300)
    state = models.CharField(max_length=16, choices=StepState.choices, default=StepState.WAITING)
    required = models.PositiveSmallIntegerField(default=1)
    everyone = models.BooleanField(default=False)
    counts = ArrayField(models.TextField(), default=list)
    skip_repeat = models.BooleanField(default=False)
    stage = models.PositiveSmallIntegerField()
    opened_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    state_reason = models.TextField(blank=True)

    objects = querysets.StepQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["route", "position"], name="one_step_per_position"),
            models.CheckConstraint(condition=Q(state__in=StepState.values), name="step_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=StepKind.values), name="step_kind_is_known"),
            models.CheckConstraint(
                condition=~Q(state=StepState.OPEN) | Q(due_at__isnull=False),
                name="open_step_has_a_due_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[StepState.SKIPPED, StepState.CANCELLED]) | ~Q(state_reason=""),
                name="skipped_or_cancelled_step_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route.subject_label}: {self.get_kind_display().lower()} step"

    @property
    def consents(self) -> bool:
        """Whether it asks for a consent, which is no approval (rule 2)."""
        return self.kind in CONSENTS

    def facts(self) -> dict[str, Any]:
        """Its place in the route and whose decision it asks for."""
        return {
            "route_id": str(self.route_id),
            "position": self.position,
            "stage": self.stage,
            "kind": self.kind,
            "target_kind": self.target_kind,
            "target_id": str(self.target_id),
        }


class StepApprover(Record):
    """That an identity is asked for a step, how it came to be asked, and since when. Ended, never deleted.

    `on_behalf_of` is whom it stands in for; empty where it answers by itself.
    """

    step = models.ForeignKey(ApprovalStep, on_delete=models.PROTECT, related_name="approvers")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=200)
    fallback = models.BooleanField(default=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["identity", "step"], name="open_steps_of", condition=Q(ends_at__isnull=True)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["step", "identity"],
                condition=Q(ends_at__isnull=True),
                name="asked_once_per_step",
            ),
            models.CheckConstraint(condition=~Q(identity=F("on_behalf_of")), name="nobody_is_asked_in_their_own_place"),
        ]

    def __str__(self) -> str:
        return f"{self.identity} ({self.via})"


class Delegation(Governed):
    """That one person decides in another's place for a while: every step that the other is asked, or one kind of them.

    Nothing of it changes but its end, which only moves earlier.
    """

    NOUN = "delegation"

    delegator = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    delegate = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=24, choices=[(kind.value, kind.label) for kind in DELEGABLE], blank=True)
    reason = models.TextField()
    made_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    end_reason = models.TextField(blank=True)

    objects = querysets.DelegationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(delegator=F("delegate")), name="rule_02_nobody_delegates_to_themselves"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["", *DELEGABLE]), name="rule_02_a_consent_is_nobody_elses_to_give"
            ),
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="delegation_ends_after_it_starts"),
            models.CheckConstraint(condition=~Q(reason=""), name="delegation_says_why"),
            ExclusionConstraint(
                name="one_delegation_of_a_kind_at_a_time",
                expressions=[
                    ("delegator", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegate} for {self.delegator}"

    @property
    def scope(self) -> str:
        """What is delegated, in words."""
        return f"Decisions as {self.get_kind_display().lower()}" if self.kind else "All decisions"

    def facts(self) -> dict[str, Any]:
        """Who decides in whose place, what, and for how long."""
        return {
            "delegator_id": str(self.delegator_id),
            "delegate_id": str(self.delegate_id),
            "kind": self.kind,
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
        }


class Decision(Record):
    """A yes, a no or a question, with its provenance and the session's strength. Append-only."""

    NOUN = "decision"

    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    step = models.ForeignKey(ApprovalStep, null=True, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=16, choices=Verdict.choices)
    provenance = models.CharField(max_length=20, choices=Provenance.choices)
    decider = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="decisions")
    on_behalf_of = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    assurance = models.PositiveSmallIntegerField()
    reason = models.TextField()
    facts = models.JSONField(default=dict)
    policy_decision = models.ForeignKey(PolicyDecision, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="decisions_by_subject")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="verdict_is_known"),
            models.CheckConstraint(
                condition=~Q(provenance__in=[Provenance.HUMAN, Provenance.HUMAN_FOR_ANOTHER])
                | Q(decider__isnull=False),
                name="a_humans_decision_names_them",
            ),
            models.CheckConstraint(
                condition=Q(provenance=Provenance.HUMAN_FOR_ANOTHER, on_behalf_of__isnull=False)
                | ~Q(provenance=Provenance.HUMAN_FOR_ANOTHER) & Q(on_behalf_of__isnull=True),
                name="a_decision_for_another_names_them",
            ),
            models.CheckConstraint(condition=~Q(decider=F("on_behalf_of")), name="nobody_decides_for_another_self"),
            models.UniqueConstraint(
                fields=["step", "decider"],
                condition=~Q(verdict=Verdict.RETURN),
                name="one_vote_per_step",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def by(self) -> str:
        """Who decided, and in whose place: "Ann for Ben". Where no human did, where it comes from."""
        name = self.decider.name if self.decider else self.provenance
        return f"{name} for {self.on_behalf_of.name}" if self.on_behalf_of else name


class Comment(Record):
    """What somebody who has to do with a route said about it, to the others. Append-only."""

    NOUN = "comment"

    route = models.ForeignKey(ApprovalRoute, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["route", "at"], name="comments_of_a_route")]

    def __str__(self) -> str:
        return f"{self.author} at {self.at:%Y-%m-%d %H:%M:%S}"


class Question(Governed):
    """What an approver asked back, and its answer. While it waits, the step's clock stands."""

    NOUN = "question"

    step = models.ForeignKey(ApprovalStep, on_delete=models.PROTECT, related_name="questions")
    asked_by = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    question = models.TextField()
    asked_at = models.DateTimeField()
    answered_by = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["step"],
                condition=Q(answered_at__isnull=True),
                name="one_open_question_per_step",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step}, question"
