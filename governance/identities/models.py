from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from governance.core.models import Governed
from governance.core.querysets import PeriodQuerySet
from governance.identities import querysets
from governance.identities.states import MACHINE_KINDS, MOVES, Environment, Kind, OwnerRole, Status
from governance.users.models import User

MACHINES = sorted(MACHINE_KINDS)
PERIOD = Func(F("starts_at"), F("ends_at"), function="tstzrange", output_field=DateTimeRangeField())
"""A half-open period [starts_at, ends_at); an open end reaches to infinity (rule 19)."""


class Human(Governed):
    """One natural person; their identities and users count as one wherever duties are separated."""

    NOUN = "human"

    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name


class Identity(Governed):
    """Anything that can hold access."""

    NOUN = "identity"
    MOVES = MOVES

    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=Status.choices)
    source = models.CharField(max_length=64)
    external_key = models.CharField(max_length=200)
    human = models.ForeignKey(Human, null=True, on_delete=models.PROTECT, related_name="identities")
    user = models.OneToOneField(User, null=True, on_delete=models.PROTECT, related_name="identity")
    email = models.EmailField(blank=True)
    manager = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="reports")
    title = models.CharField(max_length=200, blank=True)
    department = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=16, choices=Environment.choices, blank=True)
    canonical_identifier = models.CharField(max_length=500, blank=True)
    ends_at = models.DateTimeField(null=True)

    objects = querysets.IdentityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "identities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "external_key"], name="one_identity_per_source_key"),
            models.CheckConstraint(condition=Q(state__in=Status.values), name="identity_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="identity_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind__in=MACHINES, human__isnull=True, user__isnull=True)
                | (~Q(kind__in=MACHINES) & Q(human__isnull=False)),
                name="people_have_a_human_and_machines_none",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=MACHINES) | (~Q(environment="") & ~Q(canonical_identifier="")),
                name="machine_identity_has_environment_and_identifier",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.PERSON) | Q(ends_at__isnull=False),
                name="machine_or_external_identity_has_an_end",
            ),
            models.CheckConstraint(condition=~Q(manager=F("id")), name="nobody_is_their_own_manager"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_machine(self) -> bool:
        """Whether it is a service account, workload, API client or agent."""
        return self.kind in MACHINE_KINDS

    def acts(self, now: datetime) -> bool:
        """Whether it may act and hold access at the moment: active, and its last day has not passed."""
        return self.state == Status.ACTIVE and (self.ends_at is None or self.ends_at > now)

    def decides(self, now: datetime) -> bool:
        """Whether it may be asked to decide at the moment: it acts, and is no machine identity."""
        return not self.is_machine and self.acts(now)

    def is_away(self, now: datetime) -> bool:
        """Whether it is on leave, and to come back."""
        return self.state == Status.ON_LEAVE and (self.ends_at is None or self.ends_at > now)

    def facts(self) -> dict[str, Any]:
        """Where it comes from and what it is."""
        return {"kind": self.kind, "source": self.source, "external_key": self.external_key}


class Team(Governed):
    """A named group of people that can own, approve and attest."""

    NOUN = "team"

    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.name


class TeamMembership(Governed):
    """A period in which an identity belongs to a team."""

    NOUN = "team_membership"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships")
    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="team_memberships")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            ExclusionConstraint(
                name="one_membership_of_a_team_at_a_time",
                expressions=[
                    ("team", RangeOperators.EQUAL),
                    ("identity", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.identity} in {self.team}"


class Ownership(Governed):
    """A period in which an identity or a team answers for a thing. Owning gives no rights in a system."""

    NOUN = "ownership"

    subject_kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    role = models.CharField(max_length=16, choices=OwnerRole.choices)
    identity = models.ForeignKey(Identity, null=True, on_delete=models.PROTECT, related_name="ownerships")
    team = models.ForeignKey(Team, null=True, on_delete=models.PROTECT, related_name="ownerships")
    interim = models.BooleanField(default=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["subject_kind", "subject_id"], name="ownership_by_subject")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(identity__isnull=False, team__isnull=True) | Q(identity__isnull=True, team__isnull=False),
                name="owned_by_an_identity_or_a_team",
            ),
            models.CheckConstraint(condition=Q(role__in=OwnerRole.values), name="owner_role_is_known"),
            ExclusionConstraint(
                name="one_owner_in_a_role_at_a_time",
                expressions=[
                    ("subject_kind", RangeOperators.EQUAL),
                    ("subject_id", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.identity or self.team}"

    def facts(self) -> dict[str, Any]:
        """Who answers for what."""
        return {
            "subject_kind": self.subject_kind,
            "subject_id": str(self.subject_id),
            "role": self.role,
            "holder": str(self.identity_id or self.team_id),
            "interim": self.interim,
        }
