from collections.abc import Mapping

from django.db.models import TextChoices


class RequestState(TextChoices):
    """An access request's life."""

    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Submitted"
    IN_REVIEW = "in_review", "In review"
    RETURNED = "returned", "Returned with a question"
    DECIDED = "decided", "Decided"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"


REQUEST_MOVES: Mapping[str, frozenset[str]] = {
    RequestState.DRAFT: frozenset({RequestState.SUBMITTED, RequestState.WITHDRAWN}),
    RequestState.SUBMITTED: frozenset({RequestState.IN_REVIEW, RequestState.DECIDED}),
    RequestState.IN_REVIEW: frozenset(
        {RequestState.RETURNED, RequestState.DECIDED, RequestState.WITHDRAWN, RequestState.EXPIRED},
    ),
    RequestState.RETURNED: frozenset(
        {RequestState.IN_REVIEW, RequestState.DECIDED, RequestState.WITHDRAWN, RequestState.EXPIRED},
    ),
}

OPEN_REQUESTS = frozenset({RequestState.SUBMITTED, RequestState.IN_REVIEW, RequestState.RETURNED})


class DraftState(TextChoices):
    """What becomes of a form that somebody has begun and put aside."""

    KEPT = "kept", "Kept"
    SENT = "sent", "Sent"
    DISCARDED = "discarded", "Discarded"
    LAPSED = "lapsed", "Lapsed"


DRAFT_MOVES: Mapping[str, frozenset[str]] = {DraftState.KEPT: frozenset(DraftState) - {DraftState.KEPT}}


class ItemState(TextChoices):
    """One item's outcome."""

    PENDING = "pending", "Pending"
    APPROVED = "approved", "Approved"
    APPROVED_REDUCED = "approved_reduced", "Approved with less"
    REJECTED = "rejected", "Rejected"
    DENIED = "denied", "Denied by policy"
    WITHDRAWN = "withdrawn", "Withdrawn"
    EXPIRED = "expired", "Expired"
    CLOSED = "closed", "Closed"


ITEM_MOVES: Mapping[str, frozenset[str]] = {
    ItemState.PENDING: frozenset(ItemState) - {ItemState.PENDING},
}
