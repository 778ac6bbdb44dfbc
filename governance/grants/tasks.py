from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from governance.core import wake
from governance.grants import actions, queries
from governance.grants.models import Grant
from governance.grants.rules import TIMED_AHEAD

BATCH = 500
FOUND_AT_ONCE = 200_000
"""Assignments that a sweep takes up before it looks again for what is due."""

ENDED_AT_ONCE = 2000
"""Assignments whose leases one transaction ends: enough to be cheap, few enough to keep locks short."""

RENEWED_AT_ONCE = 100
"""Renewals that a sweep starts before it ends what is due meanwhile: few enough that removals wait for seconds."""

STARTING_FOR = timedelta(seconds=30)
"""How long one sweep starts renewals before it ends all that is due: removals are queued within a minute (rule 4)."""

log = structlog.get_logger(__name__)


@shared_task(name="grants.activate")
def activate(grant_id: str) -> None:
    """Activate one approved grant."""
    actions.activate(grant_id=UUID(grant_id), now=timezone.now())


@shared_task(name="grants.activate_due")
def activate_due() -> None:
    """Wake a worker for each approved grant that no wake-up reached: one that can't be activated stops no other."""
    now = timezone.now()
    for pk in Grant.objects.to_start(now).order_by("starts_at").values_list("pk", flat=True)[:BATCH]:
        activate.delay(str(pk))


@shared_task(name="grants.expire")
def expire() -> None:
    """Start renewals and end what is due, in turns: starts come before ends.

    While there are renewals to try, ends pass over what those would keep, so that a lease and its renewal leave no gap,
    however many come together. Then all that is due ends: an end waits for nothing that does not start (rule 4).
    """
    stop = timezone.now() + STARTING_FOR
    tried: set[UUID] = set()
    while timezone.now() < stop and (batch := queries.renewals_due(timezone.now(), RENEWED_AT_ONCE, tried)):
        for pk in batch:
            _renew(pk)
        tried.update(batch)
        _expire(tried)
    _expire()


def _renew(grant_id: UUID) -> None:
    """Start a renewal, or cancel it where it may not begin; one that can't be started stops no other."""
    try:
        actions.activate(grant_id=grant_id, now=timezone.now())
    except OperationalError:
        raise
    except Exception:
        log.exception("renewal.failed", grant=str(grant_id))


def _expire(tried: Collection[UUID] | None = None) -> None:
    """End what is due, batch by batch; where a batch fails, one assignment at a time, so that one stops no other."""
    try:
        expire_all(timezone.now, tried)
    except OperationalError:
        raise
    except Exception:
        log.exception("expiry.batch_failed")
        _expire_apart(timezone.now(), tried)


def expire_all(clock: Callable[[], datetime], tried: Collection[UUID] | None = None) -> None:
    """End what is due by the clock, until less is found than is looked for. `tried` as in `queries.assignments_due`."""
    while _expire_some(clock, tried) >= FOUND_AT_ONCE:
        pass


def _expire_some(clock: Callable[[], datetime], tried: Collection[UUID] | None) -> int:
    due = queries.assignments_due(clock(), FOUND_AT_ONCE, tried)
    batches = (due[place : place + ENDED_AT_ONCE] for place in range(0, len(due), ENDED_AT_ONCE))
    return sum(actions.expire_due(now=clock(), only=batch) for batch in batches)


def _expire_apart(now: datetime, tried: Collection[UUID] | None) -> None:
    for assignment_id in queries.assignments_due(now, FOUND_AT_ONCE, tried):
        try:
            actions.expire_due(now=now, only=[assignment_id])
        except OperationalError:
            raise
        except Exception:
            log.exception("expiry.failed", assignment=str(assignment_id))


@shared_task(name="grants.sweep")
def sweep() -> None:
    """Each minute: end what is due, and time a wake-up for each moment at which a lease ends within it."""
    expire()
    now = timezone.now()
    ends = Grant.objects.ending_within(now, TIMED_AHEAD).values_list("ends_at", flat=True).distinct()
    for moment in ends.order_by("ends_at")[:BATCH]:
        wake.at(moment, "grants.expire")


@shared_task(name="grants.remind")
def remind() -> None:
    """Tell holders and owners of leases that end soon, and of those that have ended."""
    now = timezone.now()
    actions.remind_due(now=now)
    actions.tell_ended(now=now)
