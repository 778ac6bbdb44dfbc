from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from governance.catalog.models import Entitlement
from governance.core.models import Governed
from governance.identities.models import Identity
from governance.purposes import querysets
from governance.purposes.states import MOVES, PurposeState


class Purpose(Governed):
    """A business reason for access: a function, a project, a contract, an integration, or an emergency."""

    NOUN = "purpose"
    MOVES = MOVES

    reference = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=PurposeState.choices)
    emergency = models.BooleanField(default=False)
    ends_at = models.DateTimeField(null=True)
    review_at = models.DateTimeField(null=True)
    criteria = models.TextField(blank=True)
    entitlements = models.ManyToManyField(Entitlement, through="Justification", related_name="purposes")

    objects = querysets.PurposeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=PurposeState.values), name="purpose_state_is_known"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=False) | Q(review_at__isnull=False),
                name="purpose_has_an_end_or_a_review_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.name}"

    def facts(self) -> dict[str, Any]:
        """Whether it is an emergency, and its reference."""
        return {"reference": self.reference, "emergency": self.emergency}


class Justification(Governed):
    """That a purpose may justify an entitlement. Ended, never deleted."""

    NOUN = "justification"

    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="justifications")
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="justifications")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["purpose", "entitlement"],
                condition=Q(ended_at__isnull=True),
                name="one_open_justification_per_entitlement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.entitlement}"

    def facts(self) -> dict[str, Any]:
        """The pair it joins."""
        return {"purpose_id": str(self.purpose_id), "entitlement_id": str(self.entitlement_id)}


class Dedication(Governed):
    """The purpose a machine or external identity exists for."""

    NOUN = "dedication"

    identity = models.OneToOneField(Identity, on_delete=models.PROTECT, related_name="dedication")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="dedications")

    def __str__(self) -> str:
        return f"{self.identity} for {self.purpose}"
