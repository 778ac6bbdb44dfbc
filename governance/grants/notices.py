"""What people are told about a lease. Said once to each, however often these run."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from governance.grants.models import Grant
from governance.grants.rules import ENDED_ONCE, Reminder
from governance.identities.models import Identity
from governance.identities.queries import keepers
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.words import minute

Keepers = Mapping[UUID, Identity]
People = Callable[[Grant, Keepers], Iterable[UUID]]
Words = Callable[[Grant], str]


def tell_ready(grant: Grant, *, now: datetime) -> None:
    """The access was seen to stand: whoever asked for it can use it."""
    _tell(
        [grant],
        _asking,
        Topic.OUTCOME,
        "ready:",
        lambda one: f"{one.entitlement} is ready to use",
        lambda one: f"{one} of {one.identity} is verified present. It ends {minute(one.ends_at)}.",
        now=now,
    )


def tell_cancelled(grant: Grant, *, now: datetime) -> None:
    """What was approved never began, and why."""
    _tell(
        [grant],
        _asking,
        Topic.OUTCOME,
        "cancelled:",
        lambda one: f"{one.entitlement} was not given",
        lambda one: f"{one} of {one.identity}: {one.state_reason}",
        now=now,
    )


def remind(grants: Iterable[Grant], reminder: Reminder, *, now: datetime) -> None:
    """Each lease is near its end."""
    _tell(
        grants,
        _concerned,
        Topic.END,
        reminder.once,
        lambda one: f"{one.entitlement} ends {reminder.name}",
        lambda one: f"{one} of {one.identity} ends {minute(one.ends_at)}.",
        now=now,
    )


def tell_ended(grants: Iterable[Grant], *, now: datetime) -> None:
    """Each lease has ended, and why."""
    _tell(
        grants,
        _concerned,
        Topic.END,
        ENDED_ONCE,
        lambda one: f"{one.entitlement} has ended",
        lambda one: f"{one} of {one.identity} ended {minute(one.ends_at)}. {one.state_reason}".strip(),
        now=now,
    )


def _tell(
    grants: Iterable[Grant], people: People, topic: Topic, once: str, title: Words, body: Words, *, now: datetime
) -> None:
    leases = list(grants)
    known = keepers((one for grant in leases for one in (grant.identity, grant.requester)), now)
    notices = (
        Notice(person, topic, title(grant), body(grant), (Grant.NOUN, grant.pk), f"{once}{grant.pk}")
        for grant in leases
        for person in people(grant, known)
    )
    notify(notices, now=now)


def _asking(grant: Grant, known: Keepers) -> frozenset[UUID]:
    """Who asked, and the holder; a machine identity has no inbox, its requester and its owner have."""
    people = {grant.requester_id, *([] if grant.identity.is_machine else [grant.identity_id])}
    return frozenset(people | {known[pk].pk for pk in (grant.identity_id, grant.requester_id) if pk in known})


def _concerned(grant: Grant, known: Keepers) -> frozenset[UUID]:
    """Those, and who answers for the lease."""
    return _asking(grant, known) | {grant.accountable_owner_id}
