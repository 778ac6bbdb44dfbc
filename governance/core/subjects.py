"""Upward calls by name. Mechanisms store `subject_kind, subject_id`; the wiring says what stands behind a kind."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from governance.core.actor import Actor


@dataclass(frozen=True, slots=True)
class Description:
    """How a subject reads in a list: a sentence, its reference, and the page and the id that it leads to."""

    title: str
    detail: str
    reference: str
    url_name: str
    url_id: UUID


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands against a yes as things are now, in words. `covered` says what lets it be: else nobody says yes."""

    text: str
    covered: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """How long something is asked for, or allowed: a `term` counted from its beginning, or `until` a moment.

    What does not begin at once begins at `starts_at`.
    """

    term: timedelta | None = None
    until: datetime | None = None
    starts_at: datetime | None = None

    def shorter_than(self, other: "Span") -> bool:
        """Whether it is less of the same: a term than a term, a moment than a moment."""
        if self.term is not None and other.term is not None:
            return self.until is None and self.term < other.term
        return self.term is None and None not in (self.until, other.until) and self.until < other.until  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said about it: whose words, and whom they name of those who are not asked to decide."""

    by: UUID
    text: str
    named: frozenset[UUID] = frozenset()


class Decidable(Protocol):
    """What an approval route can be about."""

    def lock(self, subject_id: UUID, identity_ids: Collection[UUID]) -> None:
        """Take the subject's locks, in the one order, before the route's, and those identities with them."""

    def parties(self, subject_id: UUID, now: datetime) -> frozenset[UUID]:
        """Identities that must not decide: those of the requester, the beneficiary, and its owners (rule 2)."""

    def asker(self, subject_id: UUID) -> UUID:
        """The identity that has asked for it."""

    def span(self, subject_id: UUID) -> Span | None:
        """How long it is asked for; None where there is nothing that a yes could shorten."""

    def is_sensitive(self, subject_id: UUID) -> bool:
        """Whether a yes to it asks for a fresh sign-in with a second factor (`core.stepup`)."""

    def obstacles(self, subject_id: UUID, now: datetime) -> Sequence[Obstacle]:
        """What stands against a yes to it as things are now; a no is always possible."""

    def on_decided(self, subject_id: UUID, *, outcome: str, actor: Actor, why: str, now: datetime) -> None:
        """The route has ended as approved, rejected or expired; carry it out in this transaction."""

    def on_returned(self, subject_id: UUID, *, actor: Actor, why: str, now: datetime) -> None:
        """An approver asks something back; the subject waits for its answer."""

    def on_commented(self, subject_id: UUID, comment_id: UUID, said: Said, *, now: datetime) -> None:
        """Somebody said something about it to those who decide; tell whoever asked, and whom it names."""

    def describe(self, subject_ids: Collection[UUID]) -> Mapping[UUID, Description]:
        """Descriptions of many subjects in a constant number of queries."""


_decidable: dict[str, Decidable] = {}


def connect_decidable(kind: str, handler: Decidable) -> None:
    """Name what stands behind a kind of subject of approval routes. Called by the wiring."""
    _decidable[kind] = handler


def decidable(kind: str) -> Decidable:
    """What stands behind the kind. Raises KeyError when the wiring does not know it."""
    return _decidable[kind]


def decidable_kinds() -> frozenset[str]:
    """All kinds that the wiring has connected."""
    return frozenset(_decidable)


class Provable(Protocol):
    """What rests on assignments: told, in the transaction that records it, how an attempt to drive one went.

    Exactly one of `on_observed` and `on_failed` is called for each attempt that counts; what comes late or of an
    older generation is not told at all. Neither may drive the assignment: its task is about to be closed.
    """

    def lock(self, assignment_id: UUID) -> None:
        """Take the locks of what an outcome can move, after the assignment's and before the task's."""

    def on_observed(
        self, assignment_id: UUID, observation: str, *, wanted: bool, detail: str, actor: Actor, now: datetime
    ) -> bool:
        """The system was read back: present as wanted, absent as wanted, or not wanted and present by another path.

        `detail` says what was seen, and names the other paths. Answers whether other paths settle the removal
        because each rests on something that still holds; otherwise it goes on until it is verified absent.
        """

    def on_failed(self, assignment_id: UUID, *, reason: str, dead: bool, actor: Actor, now: datetime) -> None:
        """What is wanted could not be brought about or proven. It is tried again unless `dead`; removals never are."""


@dataclass(frozen=True, slots=True)
class Unbroken:
    """A hold that has gone on without a break: since when, and how many leases began in it after the first."""

    since: datetime
    renewals: int


class Leasing(Protocol):
    """What knows the leases, for those below that ask how long something has been held."""

    def unbroken(
        self, identity_ids: Collection[UUID], entitlement_ids: Collection[UUID], now: datetime
    ) -> Mapping[tuple[UUID, UUID], Unbroken]:
        """Each identity's hold of each entitlement that reaches to now without a break; one query for all of them."""


_leasing: Leasing | None = None


def connect_leasing(handler: Leasing) -> None:
    """Name what knows the leases. Called by the wiring."""
    global _leasing  # noqa: PLW0603 - the one switch that lets policy ask for what is above it
    _leasing = handler


def leasing() -> Leasing:
    """What knows the leases. Raises RuntimeError when nothing does: no answer must not read as "never held"."""
    if _leasing is None:
        msg = "nothing that knows the leases is connected; governance.wiring.connect() has not run"
        raise RuntimeError(msg)
    return _leasing


_provable: Provable | None = None


def connect_provable(handler: Provable) -> None:
    """Name what rests on assignments. Called by the wiring."""
    global _provable  # noqa: PLW0603 - the one switch that lets leases live above provisioning
    _provable = handler


def provable() -> Provable:
    """What rests on assignments. Raises RuntimeError when nothing does: a proof that moves no lease must fail."""
    if _provable is None:
        msg = "nothing that rests on assignments is connected; governance.wiring.connect() has not run"
        raise RuntimeError(msg)
    return _provable
