from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q

from governance.approvals import querysets
from governance.approvals.hours import WorkingHours
from governance.approvals.states import (
    DELEGABLE,
    ROUTE_MOVES,
    STEP_MOVES,
    YES,
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
    reminded_at = models.DateTimeField(null=True)

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
    `skip_repeat` lets the step be skipped where it would ask somebody who has approved another one. From `escalates_at`
    on others are brought in, which `escalated_at` marks. `claimed_by` is who has said that they look at it, until
    `claimed_until`: a mark for the others, nobody is kept out by it.
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
    escalates_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    claimed_until = models.DateTimeField(null=True)

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
            models.CheckConstraint(
                condition=Q(claimed_by__isnull=True, claimed_until__isnull=True)
                | Q(claimed_by__isnull=False, claimed_until__isnull=False),
                name="a_claim_ends_by_itself",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route.subject_label}: {self.get_kind_display().lower()} step"

    @property
    def consents(self) -> bool:
        """Whether it asks for a consent, which is no approval (rule 2)."""
        return self.kind in CONSENTS

    def claimed_at(self, now: datetime) -> bool:
        """Whether somebody's claim on it holds at the moment."""
        return self.claimed_until is not None and self.claimed_until > now

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


class Reassignment(Record):
    """That somebody who was asked for a step has handed it to somebody else, and why. Append-only.

    The giver has changed whom the route asks, and decides on none of it any more (rule 2).
    """

    NOUN = "reassignment"

    step = models.ForeignKey(ApprovalStep, on_delete=models.PROTECT, related_name="reassignments")
    giver = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    taker = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(giver=F("taker")), name="a_step_is_handed_to_somebody_else"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_reassignment_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.giver} to {self.taker}"


class Decision(Record):
    """A yes, a no or a question, with its provenance and the session's strength. Append-only.

    A yes to less than was asked says to how much: a `term` from the beginning, or `until` when. `ticket` is where else
    it is written down.
    """

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
    term = models.DurationField(null=True)
    until = models.DateTimeField(null=True)
    ticket = models.CharField(max_length=200, blank=True)
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
            models.CheckConstraint(
                condition=Q(term__isnull=True, until__isnull=True)
                | Q(verdict__in=sorted(YES)) & (Q(term__isnull=True) | Q(until__isnull=True)),
                name="a_yes_alone_says_to_how_much",
            ),
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


class DecisionFile(Record):
    """A file that a decision rests on; it is never changed. `kept_as` is its name in the storage.

    `media_type` is what its own first bytes say it is, never what was claimed; `sha256` is in hexadecimal.
    """

    decision = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="file")
    name = models.CharField(max_length=200)
    kept_as = models.CharField(max_length=200, unique=True)
    media_type = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class Comment(Record):
    """What somebody who has to do with a route said about it, to the others. Append-only.

    `mentioned` are the identities that it was addressed to by name.
    """

    NOUN = "comment"

    route = models.ForeignKey(ApprovalRoute, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    mentioned = ArrayField(models.UUIDField(), default=list)
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


class Calendar(Governed):
    """The working hours of those in some departments, or of everybody else where it is `general`.

    `weekdays` are ISO numbers (1 is Monday), `holidays` names by their dates, both as the clock of `zone` has them.
    """

    NOUN = "calendar"
    LABEL = "{name}"

    name = models.CharField(max_length=200, unique=True)
    zone = models.CharField(max_length=64)
    weekdays = ArrayField(models.PositiveSmallIntegerField())
    opens_at = models.TimeField()
    closes_at = models.TimeField()
    holidays = models.JSONField(default=dict)
    departments = ArrayField(models.CharField(max_length=200), default=list)
    general = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(opens_at__lt=F("closes_at")), name="a_working_day_closes_after_it_opens"
            ),
            models.CheckConstraint(
                condition=Q(weekdays__len__gt=0, weekdays__contained_by=[1, 2, 3, 4, 5, 6, 7]),
                name="a_calendar_has_days_of_the_week",
            ),
            models.UniqueConstraint(fields=["general"], condition=Q(general=True), name="one_general_calendar"),
        ]

    def facts(self) -> dict[str, Any]:
        """When is worked, and for whom it counts."""
        return {
            "zone": self.zone,
            "weekdays": list(self.weekdays),
            "opens_at": f"{self.opens_at:%H:%M}",
            "closes_at": f"{self.closes_at:%H:%M}",
            "holidays": dict(self.holidays),
            "departments": list(self.departments),
            "general": self.general,
        }

    @property
    def hours(self) -> WorkingHours:
        """What counts as working time by it."""
        return WorkingHours(
            zone=ZoneInfo(self.zone),
            weekdays=frozenset(self.weekdays),
            opens=self.opens_at,
            closes=self.closes_at,
            holidays=frozenset(map(date.fromisoformat, self.holidays)),
        )
