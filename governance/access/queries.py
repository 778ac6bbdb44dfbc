"""What is known of access as it stands: accounts, last looks, presence as of a moment."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from governance.access.models import Account, Assignment, PresencePeriod, Verification
from governance.access.rules import Path, shortest_paths
from governance.core.querysets import covers


def account_in(system_id: UUID, identity_id: UUID) -> Account | None:
    """The identity's oldest account in the system, or none."""
    return Account.objects.filter(system=system_id, identity=identity_id).order_by("pk").first()


def last_seen(assignment_ids: Collection[UUID]) -> Mapping[UUID, Verification]:
    """The latest observation of each assignment that has one; one query."""
    rows = Verification.objects.filter(assignment__in=assignment_ids)
    latest = rows.order_by("assignment", "-at", "-pk").distinct("assignment")
    return {row.assignment_id: row for row in latest}


def proof(assignment: Assignment) -> Verification | None:
    """The latest observation made for the assignment's present generation, or none: then nothing is proven yet."""
    return assignment.verifications.filter(generation=assignment.generation).order_by("-at", "-pk").first()


def standing_at(moment: datetime, account_ids: Collection[UUID]) -> "frozenset[UUID]":
    """Ids of the accounts' assignments that were known to stand at the moment."""
    periods = PresencePeriod.objects.filter(covers(moment), assignment__account__in=account_ids)
    return frozenset(periods.values_list("assignment_id", flat=True))


# Effective access -----------------------------------------------------------------------------------------------------

_INCLUSIONS_BEYOND = """
WITH RECURSIVE reached (id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT i.conferred_id FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
    WHERE i.ended_at IS NULL
)
SELECT i.entitlement_id, i.conferred_id FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
WHERE i.ended_at IS NULL
"""
"""UNION keeps each entitlement once, so that a circle of inclusions comes to an end."""


def inclusions_beyond(entitlement_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Every inclusion that the entitlements lead to: what confers, and what is conferred; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_INCLUSIONS_BEYOND, [list(entitlement_ids)])
        found: list[tuple[UUID, UUID]] = cursor.fetchall()
    return found


def conferred_by(entitlement_ids: Collection[UUID]) -> Mapping[UUID, Mapping[UUID, Path]]:
    """All that each entitlement confers, itself included, with a shortest path to it; one query."""
    inclusions = inclusions_beyond(entitlement_ids)
    return {pk: shortest_paths([pk], inclusions) for pk in entitlement_ids}


def effective_access(identity_ids: Collection[UUID]) -> Mapping[UUID, Path]:
    """What the identities hold in effect, taken together: what is wanted or was last seen, and all that it confers.

    Each entitlement has a shortest path to it from one that is assigned; two queries.
    """
    standing = Assignment.objects.standing().filter(account__identity__in=identity_ids)
    roots = frozenset(standing.values_list("entitlement", flat=True))
    return shortest_paths(roots, inclusions_beyond(roots)) if roots else {}
