from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from governance.catalog.models import BundleVersion, Entitlement
from governance.core.models import Governed
from governance.core.numbers import NextNumber
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.policy.models import PolicyDecision
from governance.purposes.models import Purpose
from governance.requests import querysets
from governance.requests.states import (
    DRAFT_MOVES,
    ITEM_MOVES,
    REQUEST_MOVES,
    DraftState,
    ItemState,
    RequestState,
)


class AccessRequest(Governed):
    """Who asks, for whom, for which purpose, why and for how long. Either `term` or `wanted_until` is set.

    One form may ask for several beneficiaries: each has a request of its own, and `form_token` holds them together.
    `starts_at` is None for what is to begin at once; `renews` is the grant that it is to follow without a gap.
    """

    NOUN = "access_request"
    MOVES = REQUEST_MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("request"), editable=False)
    requester = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="requests_made")
    beneficiary = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="requests_received")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="requests")
    justification = models.TextField()
    renews = models.ForeignKey(Grant, null=True, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(null=True)
    term = models.DurationField(null=True)
    wanted_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=16, choices=RequestState.choices)
    submitted_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    assurance = models.PositiveSmallIntegerField()
    form_token = models.UUIDField()

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
            models.UniqueConstraint(fields=["form_token", "beneficiary"], name="a_form_asks_once_for_each"),
            models.CheckConstraint(
                condition=Q(renews__isnull=True) | Q(starts_at__isnull=False), name="a_renewal_says_when_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"R-{self.number}"

    def facts(self) -> dict[str, Any]:
        """Who asks, for whom, for what purpose and until when."""
        return {
            "requester_id": str(self.requester_id),
            "beneficiary_id": str(self.beneficiary_id),
            "purpose_id": str(self.purpose_id),
            "batch_id": str(self.form_token),
            "starts_at": self.starts_at.isoformat() if self.starts_at else None,
            "renews_id": str(self.renews_id) if self.renews_id else None,
            "term_seconds": int(self.term.total_seconds()) if self.term else None,
            "wanted_until": self.wanted_until.isoformat() if self.wanted_until else None,
            "assurance": self.assurance,
        }


class RequestItem(Governed):
    """One entitlement of a request, with the policy decision recorded at submission.

    `bundle_version` is the version of the bundle by which it is asked for, if any.
    """

    NOUN = "request_item"
    MOVES = ITEM_MOVES

    request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="items")
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="+")
    bundle_version = models.ForeignKey(BundleVersion, null=True, on_delete=models.PROTECT, related_name="+")
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
            "bundle_version_id": str(self.bundle_version_id) if self.bundle_version_id else None,
            "policy_decision_id": str(self.policy_decision_id),
        }


class RequestDraft(Governed):
    """A form that its requester has put aside. It asks for nothing, and nobody but them sees it.

    `content` is what it says, as `rules.DRAFT_FIELDS` name it; none of it has been judged.
    """

    NOUN = "request_draft"
    MOVES = DRAFT_MOVES

    requester = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    content = models.JSONField()
    state = models.CharField(max_length=16, choices=DraftState.choices, default=DraftState.KEPT)
    saved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["saved_at", "id"], name="kept_drafts_by_age", condition=Q(state=DraftState.KEPT))
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=DraftState.values), name="request_draft_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=DraftState.KEPT, closed_at__isnull=True)
                | ~Q(state=DraftState.KEPT) & Q(closed_at__isnull=False),
                name="request_draft_says_when_it_was_closed",
            ),
        ]

    def __str__(self) -> str:
        return f"Draft of {self.requester}"

    def facts(self) -> dict[str, Any]:
        """Whose it is."""
        return {"requester_id": str(self.requester_id)}
