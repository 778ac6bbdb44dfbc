from collections.abc import Mapping

from django.db.models import TextChoices


class ChangeState(TextChoices):
    """A proposed change's life. It is applied in the transaction of its last yes, or fails there."""

    PROPOSED = "proposed", "Proposed"
    APPROVED = "approved", "Approved"
    APPLIED = "applied", "Applied"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    FAILED = "failed", "Failed"


MOVES: Mapping[str, frozenset[str]] = {
    ChangeState.PROPOSED: frozenset(
        {ChangeState.APPROVED, ChangeState.REJECTED, ChangeState.WITHDRAWN, ChangeState.EXPIRED},
    ),
    ChangeState.APPROVED: frozenset({ChangeState.APPLIED, ChangeState.FAILED}),
}
