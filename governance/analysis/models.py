from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from governance.analysis.states import MOVES, ReplayState, Source
from governance.core.models import Record, Recorded
from governance.core.numbers import NextNumber
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
    """One verdict that would differ, with the labels as they were. Bounded in number; the counts know all."""

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
