from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from governance.core.models import Governed, Record, Recorded
from governance.core.moves import plain
from governance.core.numbers import NextNumber
from governance.lifecycle import rules
from governance.lifecycle.states import (
    MOVES,
    REEVALUATION_MOVES,
    WAITING,
    Absence,
    DateForm,
    Denied,
    Encoding,
    ReevaluationState,
    RunState,
)
from governance.policy.models import PolicyRuleVersion
from governance.purposes.models import Purpose


class Source(Governed):
    """Where identities of people come from, and how its files are read. Its key is theirs in `Identity.source`.

    `most_ended` is the percentage of those who stand that a file may end, or lack, before somebody has to look.
    An external's purpose, and the term of one whose last day is not stated, are the source's.
    """

    NOUN = "source"

    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    columns = models.JSONField()
    statuses = models.JSONField(default=dict)
    kinds = models.JSONField(default=dict)
    date_form = models.CharField(max_length=16, choices=DateForm.choices, default=DateForm.ISO)
    encoding = models.CharField(max_length=16, choices=Encoding.choices, default=Encoding.UTF_8)
    absence = models.CharField(max_length=8, choices=Absence.choices, default=Absence.KEEP)
    most_ended = models.PositiveSmallIntegerField(default=20, validators=[MinValueValidator(0), MaxValueValidator(100)])
    external_purpose = models.ForeignKey(Purpose, null=True, on_delete=models.PROTECT, related_name="+")
    external_term = models.DurationField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(most_ended__lte=100), name="most_ended_is_a_percentage"),
            models.CheckConstraint(condition=Q(absence__in=Absence.values), name="source_absence_is_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reader(self) -> rules.Reader:
        """How its files are read."""
        return rules.reader(self.columns, self.statuses, self.kinds, date_form=self.date_form, encoding=self.encoding)

    def facts(self) -> dict[str, Any]:
        """Everything that decides what a file of it does."""
        return {
            "key": self.key,
            "columns": self.columns,
            "statuses": self.statuses,
            "kinds": self.kinds,
            "date_form": self.date_form,
            "encoding": self.encoding,
            "absence": self.absence,
            "most_ended": self.most_ended,
            "external_purpose": self.external_purpose.reference if self.external_purpose else None,
            "external_term": int(self.external_term.total_seconds()) if self.external_term else None,
        }


class FeedRun(Recorded):
    """One file of a source: what it would do, who said yes, and what it did.

    `preview` is the plan as it was when the file was read, `outcome` what came of it, `rejected` the rows that change
    nothing, each with its number and reason. `most_ends` is how many ends the yes covers.
    """

    NOUN = "feed_run"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("feed_run"), editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="runs")
    file_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    strict = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=RunState.choices)
    state_reason = models.TextField(blank=True)
    read_by = models.CharField(max_length=200)
    read_at = models.DateTimeField()
    preview = models.JSONField()
    rejected = models.JSONField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    most_ends = models.PositiveIntegerField(default=0)
    outcome = models.JSONField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["read_at"], name="feed_runs_open", condition=Q(state=RunState.ACCEPTED)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="feed_run_state_is_known"),
            models.CheckConstraint(condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="feed_digest_is_sha256_in_hex"),
            models.CheckConstraint(
                condition=Q(state__in=[*sorted(WAITING), RunState.REFUSED]) | ~Q(decided_by=""),
                name="feed_run_says_who_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"F-{self.number}"

    def facts(self) -> dict[str, Any]:
        """Which file of which source, and what it would do, in figures."""
        return {
            "source_id": str(self.source_id),
            "file_name": self.file_name,
            "digest": self.digest,
            "strict": self.strict,
            "counts": self.preview["counts"],
        }


class Reevaluation(Recorded):
    """Every live lease held against a version of a rule that takes effect (rule 9).

    It is begun when the version is published and due once that is in force. `denied` says what becomes of leases that
    policy no longer allows, `counts` how many met which fate, once it is over.
    """

    NOUN = "reevaluation"
    MOVES = REEVALUATION_MOVES

    version = models.OneToOneField(PolicyRuleVersion, on_delete=models.PROTECT, related_name="reevaluation")
    denied = models.CharField(max_length=16, choices=Denied.choices)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=ReevaluationState.choices, default=ReevaluationState.RUNNING)
    state_reason = models.TextField(blank=True)
    counts = models.JSONField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="reevaluations_due", condition=Q(state=ReevaluationState.RUNNING)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ReevaluationState.values), name="reevaluation_state_is_known"),
            models.CheckConstraint(condition=Q(denied__in=Denied.values), name="reevaluation_says_what_becomes"),
            models.CheckConstraint(
                condition=Q(state=ReevaluationState.RUNNING, closed_at__isnull=True)
                | (~Q(state=ReevaluationState.RUNNING) & Q(closed_at__isnull=False)),
                name="reevaluation_says_when_it_was_over",
            ),
        ]

    def __str__(self) -> str:
        return f"Re-evaluation by {self.version}"

    def facts(self) -> dict[str, Any]:
        """What the leases are held against, when, and what becomes of those that are denied."""
        return {"version_id": str(self.version_id), "denied": self.denied, "due_at": plain(self.due_at)}


class ReevaluationProgress(Record):
    """How far a re-evaluation has come: rewritten with each batch, and no record of anything.

    `last` is the last lease that was judged, `counts` what has been found so far.
    """

    reevaluation = models.OneToOneField(Reevaluation, on_delete=models.PROTECT, related_name="progress")
    last = models.UUIDField(null=True)
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"Progress of {self.reevaluation_id}"


class FeedFile(Record):
    """The bytes of a file until its run is over: personal data that is not kept for its own sake."""

    run = models.OneToOneField(FeedRun, on_delete=models.PROTECT, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"File of {self.run_id}"
