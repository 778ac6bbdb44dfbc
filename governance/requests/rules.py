"""What makes a request well-formed, before policy is asked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from governance.policy.words import length, minute

SHORTEST_JUSTIFICATION = 10
"""Characters; approvers read it first, and "ok" tells them nothing."""

UNEXPLAINED = "Withdrawn by the requester"
"""What stands as the reason of a withdrawal whose requester gave none."""

SHORTEST_TERM = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as somebody states it. Either `term`, counted from activation, or `until` is set.

    `form_token` is made with the form, so that a form sent twice is one request.
    """

    beneficiary_id: UUID
    entitlement_ids: tuple[UUID, ...]
    purpose_id: UUID
    justification: str
    term: timedelta | None
    until: datetime | None
    form_token: UUID


def problems(draft: Draft, now: datetime) -> Mapping[str, str]:
    """What is wrong with the request itself, by field; empty when nothing is."""
    found: dict[str, str] = {}
    if not draft.entitlement_ids:
        found["entitlements"] = "Choose at least one entitlement."
    if len(draft.justification.strip()) < SHORTEST_JUSTIFICATION:
        found["justification"] = "Say why it is needed, in a sentence: approvers read this first."
    if (draft.term is None) == (draft.until is None):
        found["term"] = "Say for how long, or until when."
    elif draft.term is not None and draft.term < SHORTEST_TERM:
        found["term"] = "A lease lasts a minute at least."
    elif draft.until is not None and draft.until < now + SHORTEST_TERM:
        found["until"] = "The end lies in the past. Access ends later than it starts."
    return found


def beyond_cap(draft: Draft, cap: timedelta, latest_end: datetime, now: datetime) -> str | None:
    """Why the term asked for is longer than policy allows, or None when it is not."""
    if draft.term is not None and draft.term > cap:
        return f"The longest lease allowed is {length(cap)}."
    term = draft.until - now if draft.until else draft.term or timedelta()
    if term > latest_end - now:
        return f"The latest end allowed is {minute(latest_end)}."
    return None
