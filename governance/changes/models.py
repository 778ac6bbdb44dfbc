from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from governance.changes.states import MOVES, ChangeState
from governance.core.models import Governed
from governance.core.numbers import NextNumber
from governance.identities.models import Identity


class ProposedChange(Governed):
    """What somebody wants to be otherwise: the request of everything that is not access.

    `payload` is what is to be, field by field, as its kind has checked it; `before` is what each field was when it was
    proposed. Where that is no longer so when the last yes is given, the change fails.
    """

    NOUN = "proposed_change"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("change"), editable=False)
    kind = models.CharField(max_length=48)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=300)
    proposer = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="changes_proposed")
    reason = models.TextField()
    payload = models.JSONField()
    before = models.JSONField()
    state = models.CharField(max_length=16, choices=ChangeState.choices, default=ChangeState.PROPOSED)
    state_reason = models.TextField(blank=True)
    assurance = models.PositiveSmallIntegerField()
    proposed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    form_token = models.UUIDField(unique=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="changes_by_subject")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ChangeState.values), name="change_state_is_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="a_change_says_why"),
            models.CheckConstraint(
                condition=~Q(state=ChangeState.FAILED) | ~Q(state_reason=""), name="failed_change_says_why"
            ),
            models.UniqueConstraint(
                fields=["kind", "subject_id"],
                condition=Q(state=ChangeState.PROPOSED) & ~Q(kind="entitlement.new"),
                name="one_open_change_of_a_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"C-{self.number}"

    def facts(self) -> dict[str, Any]:
        """What is to change, from what to what, and who wants it."""
        return {
            "kind": self.kind,
            "subject_kind": self.subject_kind,
            "subject_id": str(self.subject_id),
            "proposer_id": str(self.proposer_id),
            "payload": self.payload,
            "before": self.before,
            "assurance": self.assurance,
        }
