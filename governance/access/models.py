from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q

from governance.access import querysets
from governance.access.states import AccountClass, Observation, Proof
from governance.catalog.models import Entitlement, System
from governance.core.models import Governed, Record, Recorded
from governance.identities.models import PERIOD, Identity


class Account(Governed):
    """A login, principal or membership record in one system; without an identity it is an orphan."""

    NOUN = "account"
    LABEL = "{login}"

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="accounts")
    native_id = models.CharField(max_length=500)
    login = models.CharField(max_length=500)
    identity = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="accounts")
    account_class = models.CharField(max_length=16, choices=AccountClass.choices, default=AccountClass.STANDARD)
    correlated_by = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["system", "native_id"], name="one_account_per_native_id"),
        ]

    def facts(self) -> dict[str, Any]:
        """Where the account lives and whose it is."""
        return {
            "system_id": str(self.system_id),
            "native_id": self.native_id,
            "identity_id": str(self.identity_id) if self.identity_id else None,
            "correlated_by": self.correlated_by,
        }


class Assignment(Governed):
    """Direct access as it stands: account × entitlement. Driven to `wanted`; `generation` rises with each change."""

    NOUN = "assignment"
    LABEL = "{entitlement.key} for {account.login}"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="assignments")
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="assignments")
    wanted = models.BooleanField(default=False)
    generation = models.PositiveBigIntegerField(default=0)

    objects = querysets.AssignmentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "entitlement"], name="one_assignment_per_account_entitlement"),
        ]

    def facts(self) -> dict[str, Any]:
        """The pair it stands for."""
        return {"account_id": str(self.account_id), "entitlement_id": str(self.entitlement_id)}


class Inclusion(Governed):
    """That one entitlement confers another: a nested group, an inherited role. Ended, never deleted.

    `source` says where that is known from: the name of a system that was read, or who entered it by hand.
    """

    NOUN = "inclusion"

    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="inclusions")
    conferred = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="conferred_by")
    source = models.CharField(max_length=200)
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["conferred"], condition=Q(ended_at__isnull=True), name="inclusions_by_conferred"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["entitlement", "conferred"],
                condition=Q(ended_at__isnull=True),
                name="one_inclusion_of_a_pair",
            ),
            models.CheckConstraint(condition=~Q(entitlement=F("conferred")), name="nothing_confers_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement} confers {self.conferred}"

    def facts(self) -> dict[str, Any]:
        """The pair, and where it is known from."""
        return {
            "entitlement_id": str(self.entitlement_id),
            "conferred_id": str(self.conferred_id),
            "source": self.source,
        }


class PresencePeriod(Record):
    """A period in which an assignment was seen to stand: from the first look that saw it to the first that did not."""

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="presence_periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="presence_periods_do_not_overlap",
                expressions=[("assignment", RangeOperators.EQUAL), (PERIOD, RangeOperators.OVERLAPS)],
            ),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(ends_at__isnull=True), name="one_open_presence_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment_id} from {self.starts_at:%Y-%m-%d %H:%M:%S}"


class Verification(Recorded):
    """One immutable observation of one assignment, never taken from the answer to a write. Append-only.

    `answer_hash` is the SHA-256 of the raw answer; where `proof` is a person's confirmation, of the file that is its
    evidence. `paths` are the ways by which the access stands though not
    assigned directly: each a list of names as the system has them, from the account's side to the entitlement.
    """

    NOUN = "verification"
    LABEL = "{assignment}"

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="verifications")
    observation = models.CharField(max_length=16, choices=Observation.choices)
    at = models.DateTimeField()
    method = models.CharField(max_length=64)
    source = models.CharField(max_length=200)
    answer_hash = models.CharField(max_length=64)
    detail = models.CharField(max_length=500, blank=True)
    paths = models.JSONField(default=list)
    proof = models.CharField(max_length=16, choices=Proof.choices, default=Proof.READ_BACK)
    generation = models.PositiveBigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["assignment", "-at"], name="verification_latest_first")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(observation__in=Observation.values), name="observation_is_known"),
            models.CheckConstraint(condition=Q(proof__in=Proof.values), name="proof_is_known"),
        ]

    def facts(self) -> dict[str, Any]:
        """What was seen, how, and the fingerprint of the answer."""
        return {
            "assignment_id": str(self.assignment_id),
            "observation": self.observation,
            "method": self.method,
            "source": self.source,
            "answer_hash": self.answer_hash,
            "proof": self.proof,
            "paths": self.paths,
            "generation": self.generation,
        }
