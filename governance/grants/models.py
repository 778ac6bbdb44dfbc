from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from governance.access.models import Assignment
from governance.catalog.models import Entitlement
from governance.core.models import Governed
from governance.core.numbers import NextNumber
from governance.grants import querysets
from governance.grants.states import MOVES, NOT_STARTED, STANDING, Basis, GrantState
from governance.identities.models import PERIOD, Identity
from governance.policy.models import PolicyDecision
from governance.purposes.models import Purpose


class Grant(Governed):
    """The lease: identity × entitlement × purpose, answered for by an owner, until its end.

    Until it is activated, `ends_at` is the latest end it could have and `term` the duration asked for;
    activation sets `starts_at` and moves `ends_at` earlier to the term's end. It only ever moves earlier.
    A scheduled one begins at `starts_at`. `renews` is the grant of the same that it follows: without a gap,
    unless it was said yes to after that one's end.
    """

    NOUN = "grant"
    LABEL = "G-{number}"
    MOVES = MOVES

    number = models.BigIntegerField(unique=True, db_default=NextNumber("grant"), editable=False)
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="grants")
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="grants")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="grants")
    accountable_owner = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    requester = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    assignment = models.ForeignKey(Assignment, null=True, on_delete=models.PROTECT, related_name="grants")
    state = models.CharField(max_length=20, choices=GrantState.choices)
    state_reason = models.TextField(blank=True)
    basis = models.CharField(max_length=16, choices=Basis.choices)
    source_kind = models.CharField(max_length=32)
    source_id = models.UUIDField()
    policy_decision = models.ForeignKey(PolicyDecision, on_delete=models.PROTECT, related_name="+")
    activation_decision = models.ForeignKey(PolicyDecision, null=True, on_delete=models.PROTECT, related_name="+")
    renews = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="renewals")
    term = models.DurationField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()

    objects = querysets.GrantQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["identity", "starts_at", "ends_at"], name="grants_of_identity_as_of"),
            models.Index(fields=["entitlement", "starts_at", "ends_at"], name="grants_of_entitlement_as_of"),
            models.Index(
                fields=["ends_at", "id"], name="standing_grants_by_end", condition=Q(state__in=sorted(STANDING))
            ),
            models.Index(fields=["source_kind", "source_id"], name="grants_by_source"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=GrantState.values), name="grant_state_is_known"),
            models.CheckConstraint(condition=Q(basis__in=Basis.values), name="rule_01_grant_has_a_basis"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rule_01_grant_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(state__in=sorted(NOT_STARTED)) | Q(assignment__isnull=False),
                name="started_grant_has_an_assignment",
            ),
            models.CheckConstraint(
                condition=~Q(state=GrantState.CANCELLED) | ~Q(state_reason=""),
                name="cancelled_grant_says_why",
            ),
            ExclusionConstraint(
                name="rule_06_one_grant_per_purpose",
                expressions=[
                    ("identity", RangeOperators.EQUAL),
                    ("entitlement", RangeOperators.EQUAL),
                    ("purpose", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=~Q(state=GrantState.CANCELLED),
                violation_error_message="A grant for this purpose already covers that time.",
            ),
        ]

    def facts(self) -> dict[str, Any]:
        """Everything the lease binds together."""
        return {
            "identity_id": str(self.identity_id),
            "entitlement_id": str(self.entitlement_id),
            "purpose_id": str(self.purpose_id),
            "accountable_owner_id": str(self.accountable_owner_id),
            "requester_id": str(self.requester_id),
            "basis": self.basis,
            "source_kind": self.source_kind,
            "source_id": str(self.source_id),
            "policy_decision_id": str(self.policy_decision_id),
            "renews_id": str(self.renews_id) if self.renews_id else None,
        }
