from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.analysis.states import (
    FOUND_MOVES,
    MOVES,
    SURVEY_MOVES,
    FoundState,
    ReplayState,
    Source,
    Stale,
    SurveyState,
)
from governance.catalog.models import System
from governance.core.models import Record, Recorded
from governance.core.numbers import NextNumber
from governance.identities.models import Identity
from governance.policy.models import PolicyDecision, PolicyRuleVersion


class Replay(Recorded):
    """A version of a rule held against the past: the requests since a moment, and the grants live at another.

    `wording` is what the version said then: a draft may say something else since. `counts` are the totals once it is
    over, by source.
    """

    NOUN = "replay"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("replay"), editable=False)
    version = models.ForeignKey(PolicyRuleVersion, on_delete=models.PROTECT, related_name="replays")
    wording = models.JSONField()
    since = models.DateTimeField()
    at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=ReplayState.choices, default=ReplayState.RUNNING)
    state_reason = models.TextField(blank=True)
    started_by = models.CharField(max_length=200)
    counts = models.JSONField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["at"], name="replays_running", condition=Q(state=ReplayState.RUNNING)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ReplayState.values), name="replay_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=ReplayState.RUNNING, closed_at__isnull=True)
                | (~Q(state=ReplayState.RUNNING) & Q(closed_at__isnull=False)),
                name="replay_says_when_it_was_over",
            ),
            models.UniqueConstraint(
                fields=["version"], condition=Q(state=ReplayState.RUNNING), name="one_replay_of_a_version_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"RP-{self.number}"

    def facts(self) -> dict[str, Any]:
        """What is replayed, over what."""
        return {"version_id": str(self.version_id), "wording": self.wording, "since": self.since.isoformat()}


class ReplayProgress(Record):
    """How far a replay has come: rewritten with each batch, and no record of anything.

    `place` is the last row that was read of the current source, `counts` what has been found by source, `worked_at`
    when a worker last was at it.
    """

    replay = models.OneToOneField(Replay, on_delete=models.PROTECT, related_name="progress")
    source = models.CharField(max_length=16, choices=Source.choices, default=Source.REQUEST)
    place = models.JSONField(default=list)
    totals = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    kept = models.PositiveIntegerField(default=0)
    worked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Progress of {self.replay_id}"


class Finding(Record):
    """One verdict that would differ, with the labels as they were. Bounded in number; the counts know all.

    `after` says of a live lease what publishing the version would mean to it as well.
    """

    replay = models.ForeignKey(Replay, on_delete=models.PROTECT, related_name="findings")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=16, choices=Source.choices)
    subject_id = models.UUIDField()
    reference = models.CharField(max_length=24)
    decision = models.ForeignKey(PolicyDecision, on_delete=models.PROTECT, related_name="+")
    holder = models.CharField(max_length=300)
    entitlement = models.CharField(max_length=300)
    system = models.CharField(max_length=300)
    change = models.CharField(max_length=16)
    changes = models.JSONField()
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["replay", "number"], name="one_finding_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.change}"

    @property
    def fate(self) -> str:
        """What publishing the version would mean to the lease; empty for a request."""
        return str(self.after.get("fate", ""))


class Survey(Recorded):
    """A look over everything for what has gone stale, and for roles that access has already.

    `done` are the parts that have been looked at, `counts` what was found by part, `worked_at` when a worker last was
    at it.
    """

    NOUN = "survey"
    LABEL = "SV-{number}"
    MOVES = SURVEY_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("survey"), editable=False)
    state = models.CharField(max_length=16, choices=SurveyState.choices, default=SurveyState.RUNNING)
    state_reason = models.TextField(blank=True)
    started_by = models.CharField(max_length=200)
    at = models.DateTimeField()
    done = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    worked_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=SurveyState.values), name="survey_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=SurveyState.RUNNING, closed_at__isnull=True)
                | (~Q(state=SurveyState.RUNNING) & Q(closed_at__isnull=False)),
                name="survey_says_when_it_was_over",
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state=SurveyState.RUNNING), name="one_survey_at_a_time"
            ),
        ]


class Found(Recorded):
    """What a survey has found: open until a later one finds it no more, or dismissed until a moment.

    `key` says what it is about, the same in every survey, `score` how much it matters among its kind, from 0 to 100.
    """

    MOVES = FOUND_MOVES
    TOLD: ClassVar[tuple[str, ...]]
    """What each survey tells anew."""

    key = models.CharField(max_length=80)
    score = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=16, choices=FoundState.choices, default=FoundState.OPEN)
    state_reason = models.TextField(blank=True)
    survey = models.ForeignKey(Survey, on_delete=models.PROTECT, related_name="+")
    found_at = models.DateTimeField()
    dismissed_by = models.CharField(max_length=200, blank=True)
    dismissed_until = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=FoundState.values), name="%(class)s_state_is_known"),
            models.CheckConstraint(
                condition=~Q(state=FoundState.DISMISSED) | (Q(dismissed_until__isnull=False) & ~Q(state_reason="")),
                name="dismissed_%(class)s_says_why_and_until_when",
            ),
            models.CheckConstraint(
                condition=Q(state=FoundState.GONE, closed_at__isnull=False)
                | (~Q(state=FoundState.GONE) & Q(closed_at__isnull=True)),
                name="%(class)s_says_when_it_was_gone",
            ),
        ]


class StaleFinding(Found):
    """Something stale, with the labels as they were.

    What it is about is the subject; who answers for it is whoever owns the thing that `owner_kind` and `owner_id` name.
    `holder` is whose access it is, where it is about somebody's. `figures` are what its reason is made of.
    """

    NOUN = "stale_finding"
    LABEL = "F-{number}"
    TOLD = ("subject_id", "subject", "score", "figures")

    number = models.BigIntegerField(unique=True, db_default=NextNumber("stale_finding"), editable=False)
    kind = models.CharField(max_length=16, choices=Stale.choices)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    subject = models.CharField(max_length=420)
    owner_kind = models.CharField(max_length=32)
    owner_id = models.UUIDField()
    system = models.ForeignKey(System, null=True, on_delete=models.PROTECT, related_name="+")
    holder = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    figures = models.JSONField()

    class Meta(Found.Meta):
        indexes: ClassVar = [models.Index(fields=["owner_kind", "owner_id"], name="stale_findings_by_owner")]
        constraints: ClassVar = [
            *Found.Meta.constraints,
            models.CheckConstraint(condition=Q(kind__in=Stale.values), name="stale_kind_is_known"),
            models.UniqueConstraint(
                fields=["kind", "key"], condition=~Q(state=FoundState.GONE), name="one_stale_finding_of_a_thing"
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """What is stale, and by what figures."""
        return {
            "kind": self.kind,
            "subject_kind": self.subject_kind,
            "subject_id": str(self.subject_id),
            "subject": self.subject,
            "figures": self.figures,
        }


class RoleSuggestion(Found):
    """A set of entitlements that many hold already, suggested as a bundle.

    The figures are those of `mining.Mined`; `standing` is how much access there was in all, as pairs of identity and
    entitlement. `criteria` is a condition over the identity, empty where neither department nor title tells members.
    """

    NOUN = "role_suggestion"
    LABEL = "RS-{number}"
    TOLD = (
        "department",
        "title",
        "criteria",
        "score",
        "members",
        "matched",
        "covered",
        "missing",
        "excess",
        "standing",
    )

    number = models.BigIntegerField(unique=True, db_default=NextNumber("role_suggestion"), editable=False)
    entitlements = ArrayField(models.UUIDField())
    department = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=200, blank=True)
    criteria = models.TextField(blank=True)
    members = models.PositiveIntegerField()
    matched = models.PositiveIntegerField()
    covered = models.PositiveIntegerField()
    missing = models.PositiveIntegerField()
    excess = models.PositiveIntegerField()
    standing = models.PositiveIntegerField()

    class Meta(Found.Meta):
        constraints: ClassVar = [
            *Found.Meta.constraints,
            models.UniqueConstraint(
                fields=["key"], condition=~Q(state=FoundState.GONE), name="one_suggestion_of_a_set"
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """What would be in the bundle, for whom, and how well it fits."""
        figures = ("members", "matched", "covered", "missing", "excess", "standing")
        return {
            "entitlements": [str(pk) for pk in self.entitlements],
            "criteria": self.criteria,
            **{name: getattr(self, name) for name in figures},
        }
