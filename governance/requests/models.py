from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from governance.catalog.models import Entitlement
from governance.core.models import Governed
from governance.core.numbers import NextNumber
from governance.identities.models import Identity
from governance.policy.models import PolicyDecision
from governance.purposes.models import Purpose
from governance.requests import querysets
from governance.requests.states import ITEM_MOVES, REQUEST_MOVES, ItemState, RequestState


class AccessRequest(Governed):
    """Who asks, for whom, for which purpose, why and for how long. Either `term` or `wanted_until` is set."""

    NOUN = "access_request"
    MOVES = REQUEST_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("request"), editable=False)
    requester = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="requests_made")
    beneficiary = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="requests_received")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="requests")
    justification = models.TextField()
    term = models.DurationField(null=True)
    wanted_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=16, choices=RequestState.choices)
    submitted_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    assurance = models.PositiveSmallIntegerField()
    form_token = models.UUIDField(unique=True)

    objects = querysets.RequestQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["submitted_at", "id"], name="requests_by_submission")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="request_state_is_known"),
            models.CheckConstraint(
                condition=Q(term__isnull=False, wanted_until__isnull=True)
                | Q(term__isnull=True, wanted_until__isnull=False),
                name="a_request_has_a_term_or_an_end",
            ),
            models.CheckConstraint(condition=~Q(justification=""), name="a_request_says_why"),
        ]

    def __str__(self) -> str:
        return f"R-{self.number}"

    def facts(self) -> dict[str, Any]:
        """Who asks, for whom, for what purpose and until when."""
        return {
            "requester_id": str(self.requester_id),
            "beneficiary_id": str(self.beneficiary_id),
            "purpose_id": str(self.purpose_id),
            "term_seconds": int(self.term.total_seconds()) if self.term else None,
            "wanted_until": self.wanted_until.isoformat() if self.wanted_until else None,
            "assurance": self.assurance,
        }


class RequestItem(Governed):
    """One entitlement of a request, with the policy decision recorded at submission."""

    NOUN = "request_item"
    MOVES = ITEM_MOVES

    request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="items")
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="+")
    policy_decision = models.ForeignKey(PolicyDecision, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=20, choices=ItemState.choices, default=ItemState.PENDING)
    state_reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "entitlement"], name="one_item_per_entitlement"),
            models.CheckConstraint(condition=Q(state__in=ItemState.values), name="item_state_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.request}: {self.entitlement}"

    def facts(self) -> dict[str, Any]:
        """What is asked for, and what policy said of it."""
        return {
            "request_id": str(self.request_id),
            "entitlement_id": str(self.entitlement_id),
            "policy_decision_id": str(self.policy_decision_id),
        }
