"""What is known of access as it stands: accounts, last looks, presence as of a moment."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from governance.access.models import Account, Assignment, PresencePeriod, Verification
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
