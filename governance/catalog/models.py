import json
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.catalog import querysets
from governance.catalog.states import BUNDLE_MOVES, MOVES, BundleState, CatalogState, Risk
from governance.core.models import Governed
from governance.identities.models import Identity
from governance.identities.states import Environment, Kind


class System(Governed):
    """A downstream application or platform where access exists. The portal itself is one."""

    NOUN = "system"
    MOVES = MOVES

    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    environment = models.CharField(max_length=16, choices=Environment.choices)
    risk = models.CharField(max_length=16, choices=Risk.choices)
    state = models.CharField(max_length=16, choices=CatalogState.choices, default=CatalogState.ACTIVE)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(risk__in=Risk.values), name="system_risk_is_known"),
            models.CheckConstraint(condition=Q(environment__in=Environment.values), name="system_environment_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Entitlement(Governed):
    """One thing that can be granted in a system: a group, a role, a scope, a licence."""

    NOUN = "entitlement"
    MOVES = MOVES

    system = models.ForeignKey(System, on_delete=models.PROTECT, related_name="entitlements")
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    description = models.TextField()
    permits = models.JSONField(default=list)
    risk = models.CharField(max_length=16, choices=Risk.choices)
    privileged = models.BooleanField(default=False)
    longest_lease = models.DurationField()
    review_cadence = models.DurationField()
    allowed_kinds = ArrayField(models.CharField(max_length=16, choices=Kind.choices))
    state = models.CharField(max_length=16, choices=CatalogState.choices, default=CatalogState.ACTIVE)

    objects = querysets.EntitlementQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["system", "key"], name="one_entitlement_per_system_key"),
            models.CheckConstraint(condition=Q(risk__in=Risk.values), name="entitlement_risk_is_known"),
            models.CheckConstraint(
                condition=Q(longest_lease__gt=timedelta(0), review_cadence__gt=timedelta(0)),
                name="lease_and_cadence_are_positive",
            ),
            models.CheckConstraint(condition=Q(allowed_kinds__len__gt=0), name="some_kind_may_hold_it"),
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.system.name}"

    def facts(self) -> dict[str, Any]:
        """What it is in its system, and how risky."""
        return {"system_id": str(self.system_id), "key": self.key, "risk": self.risk, "privileged": self.privileged}


class Bundle(Governed):
    """A pre-approved set of entitlements for a job. What it holds and who matches it is in its versions."""

    NOUN = "bundle"
    MOVES = BUNDLE_MOVES

    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=BundleState.choices, default=BundleState.PROPOSED)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=BundleState.values), name="bundle_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class BundleVersion(Governed):
    """What a bundle says from one moment to the next; the last one says it now. It never changes."""

    NOUN = "bundle_version"

    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    birthright = models.BooleanField()
    criteria = models.TextField(blank=True)
    review_at = models.DateTimeField()
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bundle", "number"], name="one_bundle_version_per_number"),
            models.CheckConstraint(
                condition=Q(birthright=False) | ~Q(criteria=""), name="birthright_is_given_by_a_rule"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bundle.name} version {self.number}"

    def facts(self) -> dict[str, Any]:
        """What it says besides its parts."""
        return {
            "bundle_id": str(self.bundle_id),
            "number": self.number,
            "birthright": self.birthright,
            "criteria": self.criteria,
        }


class BundlePart(Governed):
    """One thing that a version holds: an entitlement, or another bundle with all that it holds then."""

    NOUN = "bundle_part"

    version = models.ForeignKey(BundleVersion, on_delete=models.PROTECT, related_name="parts")
    entitlement = models.ForeignKey(Entitlement, null=True, on_delete=models.PROTECT, related_name="+")
    bundle = models.ForeignKey(Bundle, null=True, on_delete=models.PROTECT, related_name="included_by")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(entitlement__isnull=True, bundle__isnull=False)
                | Q(entitlement__isnull=False, bundle__isnull=True),
                name="a_part_is_an_entitlement_or_a_bundle",
            ),
            models.UniqueConstraint(fields=["version", "entitlement"], name="each_entitlement_once_in_a_bundle"),
            models.UniqueConstraint(fields=["version", "bundle"], name="each_bundle_once_in_a_bundle"),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.entitlement or self.bundle}"

    def facts(self) -> dict[str, Any]:
        """The pair it joins."""
        return {
            "version_id": str(self.version_id),
            "entitlement_id": str(self.entitlement_id) if self.entitlement_id else None,
            "bundle_id": str(self.bundle_id) if self.bundle_id else None,
        }


class CatalogApplication(Governed):
    """That somebody has applied the catalog's files, and how much became otherwise by it."""

    NOUN = "catalog_application"

    by = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="+")
    applied_at = models.DateTimeField()
    digest = models.CharField(max_length=64)
    counts = models.JSONField()

    def __str__(self) -> str:
        return f"Catalog files {self.digest[:12]}"

    def facts(self) -> dict[str, Any]:
        """Which files, as a SHA-256 over their names and texts, and the counts."""
        return {"digest": self.digest, "counts": self.counts}


class FileManagement(Governed):
    """A period in which one thing of the catalog is managed from a file.

    `said` is what the file said when it was applied last, as JSON: a text, since it may hold what no event can.
    """

    NOUN = "file_management"

    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    file = models.CharField(max_length=200)
    said = models.TextField()
    application = models.ForeignKey(CatalogApplication, on_delete=models.PROTECT, related_name="managed")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"],
                condition=Q(ended_at__isnull=True),
                name="managed_from_one_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} from {self.file}"

    @property
    def values(self) -> dict[str, Any]:
        """What the file said."""
        found: dict[str, Any] = json.loads(self.said)
        return found

    def facts(self) -> dict[str, Any]:
        """What is managed from where."""
        return {"subject_kind": self.subject_kind, "subject_id": str(self.subject_id), "file": self.file}
