from collections.abc import Mapping

from django.db.models import TextChoices


class Kind(TextChoices):
    """What can hold access. All but the first two are machine identities."""

    PERSON = "person", "Person"
    EXTERNAL = "external", "External"
    SERVICE_ACCOUNT = "service_account", "Service account"
    WORKLOAD = "workload", "Workload"
    API_CLIENT = "api_client", "API client"
    AGENT = "agent", "AI agent"


MACHINE_KINDS = frozenset({Kind.SERVICE_ACCOUNT, Kind.WORKLOAD, Kind.API_CLIENT, Kind.AGENT})


class Status(TextChoices):
    """An identity's life."""

    EXPECTED = "expected", "Expected"
    ACTIVE = "active", "Active"
    ON_LEAVE = "on_leave", "On leave"
    SUSPENDED = "suspended", "Suspended"
    ENDED = "ended", "Ended"


MOVES: Mapping[str, frozenset[str]] = {
    Status.EXPECTED: frozenset({Status.ACTIVE, Status.ENDED}),
    Status.ACTIVE: frozenset({Status.ON_LEAVE, Status.SUSPENDED, Status.ENDED}),
    Status.ON_LEAVE: frozenset({Status.ACTIVE, Status.ENDED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.ENDED}),
}


class Environment(TextChoices):
    """Where a machine identity or a system works."""

    DEVELOPMENT = "development", "Development"
    TEST = "test", "Test"
    PRODUCTION = "production", "Production"


class OwnerRole(TextChoices):
    """How somebody answers for a thing. The owner of an external identity is its sponsor."""

    OWNER = "owner", "Owner"
    BACKUP_OWNER = "backup_owner", "Backup owner"
