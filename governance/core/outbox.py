"""What goes out of the house: a row first, the call after the commit, the outcome in a second transaction.

A worker may die between calling and recording, so what goes out may arrive twice, under the same key, and is never
lost. Mail, webhooks and streams are kinds of it.
"""

from datetime import datetime, timedelta
from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from governance.core.locking import locked_all
from governance.core.models import Record

M = TypeVar("M", bound=models.Model, covariant=True)
R = TypeVar("R", bound="Outgoing")

CLAIM = timedelta(minutes=2)
"""How long a worker may take to send one; longer than any deadline of the calls it makes."""
TRIES = 12
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=4)


class OutgoingQuerySet(models.QuerySet[M]):
    """Reads over what goes out."""

    def due(self, now: datetime) -> Self:
        """Those to be sent now that no worker is busy with."""
        free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
        return self.waiting().filter(free, next_attempt_at__lte=now)

    def waiting(self) -> Self:
        """Those neither sent nor given up."""
        return self.filter(sent_at__isnull=True, given_up_at__isnull=True)


class Outgoing(Record):
    """One thing to be sent, and how that has gone so far."""

    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    objects = OutgoingQuerySet.as_manager()

    class Meta:
        abstract = True


class Undeliverable(Exception):
    """It will never arrive: trying again is of no use."""


def delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubled each time, up to some hours; a day and a half in all."""
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(attempts - 1, 16)))


def claim(rows: "OutgoingQuerySet[R]", now: datetime) -> R | None:
    """Make the one due row of these this worker's. None if it is not due, or another worker has it."""
    found = locked_all(rows.due(now), skip_locked=True)
    for row in found[:1]:
        row.attempts += 1
        row.claimed_until = now + CLAIM
        row.save(update_fields=["attempts", "claimed_until"])
        return row
    return None


def sent(row: Outgoing, now: datetime) -> None:
    """Record that it went out."""
    _close(row, sent_at=now, error="")


def failed(row: Outgoing, why: str, now: datetime, *, for_good: bool) -> None:
    """Record that it did not go out: it is tried again later, unless that is of no use or has been done enough."""
    over = for_good or row.attempts >= TRIES
    _close(row, error=why[:300], given_up_at=now if over else None, next_attempt_at=now + delay(row.attempts))


def _close(row: Outgoing, **changes: object) -> None:
    """A worker that came late finds another one's claim, and changes nothing."""
    mine = type(row)._base_manager.filter(pk=row.pk, attempts=row.attempts, claimed_until=row.claimed_until)
    mine.filter(sent_at__isnull=True).update(claimed_until=None, **changes)
