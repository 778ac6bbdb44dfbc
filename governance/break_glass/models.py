"""Access that somebody took at once in an emergency, and what is to be done about it afterwards (rule 11)."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from governance.break_glass import querysets
from governance.break_glass.rules import MOST_INCIDENT, MOST_LOCATOR, REVIEW_TERM
from governance.break_glass.states import EXPOSURE_MOVES, GLASS_MOVES, ExposureState, GlassState, Secret
from governance.core.models import Governed
from governance.core.numbers import NextNumber
from governance.grants.models import Grant
from governance.identities.models import Identity

REVIEWED = Q(reviewer__isnull=False, reviewed_at__isnull=False) & ~Q(done="")
CLOSED = Q(closer__isnull=False, closed_at__isnull=False)
ROTATED = Q(rotated_by__isnull=False, rotated_at__isnull=False) & ~Q(evidence="")


class BreakGlass(Governed):
    """One access taken at once: the lease it made, why, who was told, and what its review found.

    `skipped` names whoever policy would have asked, step by step; `told` are the ids of all who were told as it
    happened.
    """

    NOUN = "break_glass"
    LABEL = "B-{number}"
    MOVES = GLASS_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("break_glass"), editable=False)
    grant = models.OneToOneField(Grant, on_delete=models.PROTECT, related_name="+")
    holder = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    incident = models.CharField(max_length=MOST_INCIDENT)
    justification = models.TextField()
    skipped = models.JSONField(default=list)
    told = ArrayField(models.UUIDField())
    form_token = models.UUIDField(unique=True)
    taken_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=GlassState.choices, default=GlassState.OPEN)
    reviewer = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    done = models.TextField(blank=True)
    closer = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)

    objects = querysets.GlassQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "break-glass"
        indexes: ClassVar = [models.Index(fields=["taken_at"], name="break_glass_by_time")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=GlassState.values), name="break_glass_state_is_known"),
            models.CheckConstraint(
                condition=~Q(incident="") & ~Q(justification=""), name="rule_11_break_glass_says_why"
            ),
            models.CheckConstraint(condition=~Q(told=[]), name="rule_11_break_glass_is_told"),
            models.CheckConstraint(
                condition=Q(state=GlassState.OPEN) | REVIEWED, name="rule_11_a_review_says_what_was_done"
            ),
            models.CheckConstraint(
                condition=~Q(state=GlassState.CLOSED) | CLOSED, name="closed_break_glass_says_by_whom"
            ),
            models.CheckConstraint(
                condition=~Q(reviewer=F("holder")) & ~Q(closer=F("holder")), name="rule_11_nobody_reviews_their_own"
            ),
        ]

    @property
    def due_at(self) -> datetime:
        """By when it is to be closed."""
        return self.grant.ends_at + REVIEW_TERM

    def facts(self) -> dict[str, Any]:
        """Whose it is, for which incident, and who was skipped and told."""
        return {
            "grant_id": str(self.grant_id),
            "holder_id": str(self.holder_id),
            "incident": self.incident,
            "skipped": self.skipped,
            "told": [str(pk) for pk in self.told],
        }


class Exposure(Governed):
    """A credential that break-glass exposed, until it is rotated. Where it is, never what it says."""

    NOUN = "exposure"
    MOVES = EXPOSURE_MOVES

    break_glass = models.ForeignKey(BreakGlass, on_delete=models.PROTECT, related_name="exposures")
    kind = models.CharField(max_length=16, choices=Secret.choices)
    locator = models.CharField(max_length=MOST_LOCATOR)
    state = models.CharField(max_length=16, choices=ExposureState.choices, default=ExposureState.EXPOSED)
    rotated_by = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="+")
    rotated_at = models.DateTimeField(null=True)
    evidence = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ExposureState.values), name="exposure_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=Secret.values), name="exposure_kind_is_known"),
            models.CheckConstraint(condition=~Q(locator=""), name="exposure_says_where"),
            models.CheckConstraint(
                condition=Q(state=ExposureState.EXPOSED) | ROTATED, name="rule_11_a_rotation_has_its_evidence"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.break_glass}: {self.get_kind_display().lower()} of {self.locator}"

    def facts(self) -> dict[str, Any]:
        """What was exposed by what."""
        return {"break_glass_id": str(self.break_glass_id), "kind": self.kind, "locator": self.locator}
