from collections.abc import Mapping

from django.db.models import TextChoices

from governance.policy.states import CONSENTS, StepKind


class RouteState(TextChoices):
    """A route is open until its steps have answered for it."""

    OPEN = "open", "Open"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"


ROUTE_MOVES: Mapping[str, frozenset[str]] = {
    RouteState.OPEN: frozenset(
        {RouteState.APPROVED, RouteState.REJECTED, RouteState.EXPIRED, RouteState.CANCELLED},
    ),
}


class StepState(TextChoices):
    """A step's life; escalation is a mark on an open step."""

    WAITING = "waiting", "Waiting"
    OPEN = "open", "Open"
    RETURNED = "returned", "Returned with a question"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    SKIPPED = "skipped", "Skipped"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"


STEP_MOVES: Mapping[str, frozenset[str]] = {
    StepState.WAITING: frozenset({StepState.OPEN, StepState.SKIPPED, StepState.CANCELLED}),
    StepState.OPEN: frozenset(
        {StepState.RETURNED, StepState.APPROVED, StepState.REJECTED, StepState.SKIPPED}
        | {StepState.EXPIRED, StepState.CANCELLED},
    ),
    StepState.RETURNED: frozenset({StepState.OPEN, StepState.EXPIRED, StepState.CANCELLED}),
}

ENDED_STEPS = frozenset(
    {StepState.APPROVED, StepState.REJECTED, StepState.SKIPPED, StepState.EXPIRED, StepState.CANCELLED},
)


class Verdict(TextChoices):
    """What a decision says."""

    APPROVE = "approve", "Approve"
    CONSENT = "consent", "Consent"
    REJECT = "reject", "Reject"
    RETURN = "return", "Return with a question"


YES = frozenset({Verdict.APPROVE, Verdict.CONSENT})
"""Verdicts with which a step goes on."""


class Provenance(TextChoices):
    """Where a decision comes from."""

    HUMAN = "human", "A human"
    HUMAN_FOR_ANOTHER = "human_for_another", "A human for another"
    POLICY = "policy", "A policy"
    TIMEOUT = "timeout", "A timeout"
    AGENT = "agent", "An agent"


HUMANS = frozenset({Provenance.HUMAN, Provenance.HUMAN_FOR_ANOTHER})
"""Where what a person said comes from."""


DELEGABLE = tuple(kind for kind in StepKind if kind not in CONSENTS)
"""Steps that somebody else may decide in one's place. A consent is for whoever answers for an identity to give."""
