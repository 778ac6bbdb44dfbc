"""What makes a request well-formed, before policy is asked; when a lease may be renewed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from governance.grants.rules import ACTIVATION_WINDOW
from governance.grants.states import STANDING, Basis
from governance.identities.states import Kind
from governance.policy.facts import FAR_FUTURE
from governance.policy.words import length, minute

SHORTEST_JUSTIFICATION = 10
"""Characters; approvers read it first, and "ok" tells them nothing."""

UNEXPLAINED = "Withdrawn by the requester"
"""What stands as the reason of a withdrawal whose requester gave none."""

DECLINED = "Declined by whoever would have held it"
DECLINED_FOR = "Declined by whoever answers for what would have held it"

SHORTEST_TERM = timedelta(minutes=1)
LONGEST_AHEAD = timedelta(days=90)
"""How far ahead a lease may begin: who approves it can't know what is true much later."""

MOST_ITEMS, MOST_BENEFICIARIES = 50, 20
"""What one form may name, and for how many."""

MOST_IN_ALL = 200
"""Items that one form makes, one for each beneficiary and entitlement, with what bundles bring.

All are judged, routed and recorded in one transaction, which meanwhile holds what is asked for and whoever is to have
it: of so many it takes seconds.
"""

MOST_DRAFTS = 20
DRAFTS_KEPT = timedelta(days=14)
"""How long a form that was put aside is kept after it was last saved."""

DRAFT_FIELDS = (
    "beneficiaries",
    "entitlements",
    "bundles",
    "purpose",
    "justification",
    "term_seconds",
    "until",
    "starts_at",
)
"""What a form that was put aside may say. Ids and times are texts; what is not said is left out."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as somebody states it. Either `term`, counted from activation, or `until` is set.

    Asked for are the entitlements, and all that the bundles hold. `starts_at` is None for what is to begin at once,
    `renews_id` names the grant that it follows. `form_token` is made with the form, so that a form sent twice is one
    request; a form for several beneficiaries states a draft for each, with the same token.
    """

    beneficiary_id: UUID
    entitlement_ids: tuple[UUID, ...]
    purpose_id: UUID
    justification: str
    term: timedelta | None
    until: datetime | None
    form_token: UUID
    bundle_ids: tuple[UUID, ...] = ()
    starts_at: datetime | None = None
    renews_id: UUID | None = None

    def begins(self, now: datetime) -> datetime:
        """When the lease is to begin."""
        return self.starts_at or now

    def latest_end(self, now: datetime) -> datetime:
        """When it ends at the latest, if it is said yes to now: a term is counted from activation, which may wait."""
        begins = self.begins(now)
        longest = FAR_FUTURE - begins - ACTIVATION_WINDOW  # what is asked for may be beyond all dates
        return self.until or begins + ACTIVATION_WINDOW + min(self.term or timedelta(), longest)

    def length(self, now: datetime) -> timedelta:
        """How long it is to be."""
        return self.term or (self.until or now) - self.begins(now)

    def each(self, beneficiary_ids: Iterable[UUID]) -> "list[Draft]":
        """The same for each of several beneficiaries."""
        return [replace(self, beneficiary_id=pk) for pk in dict.fromkeys(beneficiary_ids)]


@dataclass(frozen=True, slots=True)
class Renewal:
    """How long a lease is to go on after its end, and why. Either `term` or `until` is set."""

    justification: str
    term: timedelta | None
    until: datetime | None
    form_token: UUID

    def of(self, grant_id: UUID, holder_id: UUID, entitlement_id: UUID, purpose_id: UUID, ends_at: datetime) -> Draft:
        """The draft of a lease of the same that begins where the grant ends."""
        return Draft(
            beneficiary_id=holder_id,
            entitlement_ids=(entitlement_id,),
            purpose_id=purpose_id,
            justification=self.justification,
            term=self.term,
            until=self.until,
            form_token=self.form_token,
            starts_at=ends_at,
            renews_id=grant_id,
        )


def draft_problems(content: Mapping[str, object]) -> Mapping[str, str]:
    """What of a form that is put aside can't be kept, by field; whether it could be sent is not asked yet."""
    return {name: "There is no such field." for name in content if name not in DRAFT_FIELDS}


def problems(draft: Draft, now: datetime) -> Mapping[str, str]:
    """What is wrong with the request itself, by field; empty when nothing is."""
    found: dict[str, str] = {}
    if not draft.entitlement_ids and not draft.bundle_ids:
        found["entitlements"] = "Choose at least one entitlement."
    elif len(draft.entitlement_ids) > MOST_ITEMS:
        found["entitlements"] = f"One request asks for {MOST_ITEMS} things at most."
    if len(draft.justification.strip()) < SHORTEST_JUSTIFICATION:
        found["justification"] = "Say why it is needed, in a sentence: approvers read this first."
    return {**found, **_time_problems(draft, now)}


def _time_problems(draft: Draft, now: datetime) -> Mapping[str, str]:
    found: dict[str, str] = {}
    if (draft.term is None) == (draft.until is None):
        found["term"] = "Say for how long, or until when."
    elif draft.term is not None and draft.term < SHORTEST_TERM:
        found["term"] = "A lease lasts a minute at least."
    elif draft.until is not None and draft.until < now + SHORTEST_TERM:
        found["until"] = "The end lies in the past. Access ends later than it starts."
    elif draft.until is not None and draft.until < draft.begins(now) + SHORTEST_TERM:
        found["until"] = "The end lies before the start. A lease lasts a minute at least."
    if draft.starts_at is not None and (late := _start_problem(draft.starts_at, now)):
        found["starts_at"] = late
    return found


def _start_problem(starts_at: datetime, now: datetime) -> str | None:
    if starts_at <= now:
        return "The start lies in the past. Leave it out to begin at once."
    if starts_at > now + LONGEST_AHEAD:
        return f"A lease begins within {length(LONGEST_AHEAD)}: by {minute(now + LONGEST_AHEAD)}."
    return None


def a_kind(kind: str) -> str:
    """A kind of identity as a sentence says it: "a service account", "an AI agent"."""
    label = Kind(kind).label
    words = label if label[:2].isupper() else f"{label[0].lower()}{label[1:]}"
    return f"{'an' if words[0] in 'aeioAEIO' else 'a'} {words}"


def cart_problem(beneficiaries: int) -> str | None:
    """Why one form can't ask for so many, or None when it can."""
    if not beneficiaries:
        return "Say for whom."
    return f"One form asks for {MOST_BENEFICIARIES} at most." if beneficiaries > MOST_BENEFICIARIES else None


def size_problem(beneficiaries: int, entitlements: int) -> str | None:
    """Why one form can't make so many items, or None when it can."""
    items = beneficiaries * entitlements
    if items <= MOST_IN_ALL:
        return None
    return (
        f"One form makes {MOST_IN_ALL} items at most, one for each person and entitlement. This would make {items:,}."
    )


def beyond_cap(draft: Draft, cap: timedelta, latest_end: datetime, now: datetime) -> str | None:
    """Why the term asked for is longer than policy allows, or None when it is not.

    `latest_end` is the latest end of a lease that begins when this one is to begin.
    """
    if draft.term is not None and draft.term > cap:
        return f"The longest lease allowed is {length(cap)}."
    if draft.length(now) > latest_end - draft.begins(now):
        return f"The latest end allowed is {minute(latest_end)}."
    return None


def renewal_problem(state: str, basis: str, ends_at: datetime, now: datetime) -> str | None:
    """Why a lease can't be renewed, in words, or None when it can."""
    if state not in STANDING or ends_at <= now:
        return "Only what stands is renewed. Ask for it anew."
    if basis == Basis.BREAK_GLASS:
        return "Break-glass access is not renewed: it ends by itself."
    if ends_at > now + LONGEST_AHEAD:
        return f"It ends {minute(ends_at)}. A lease is renewed in its last {length(LONGEST_AHEAD)}."
    return None
