from collections.abc import Mapping

from django.db.models import TextChoices


class PurposeState(TextChoices):
    """A purpose's life."""

    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    ACTIVE = "active", "Active"
    RETIRING = "retiring", "Retiring"
    RETIRED = "retired", "Retired"
    REJECTED = "rejected", "Rejected"


MOVES: Mapping[str, frozenset[str]] = {
    PurposeState.PROPOSED: frozenset({PurposeState.APPROVED, PurposeState.REJECTED}),
    PurposeState.APPROVED: frozenset({PurposeState.ACTIVE}),
    PurposeState.ACTIVE: frozenset({PurposeState.RETIRING}),
    PurposeState.RETIRING: frozenset({PurposeState.RETIRED}),
}
