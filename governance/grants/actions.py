"""What people and workers ask of a lease. Each opens one transaction and takes its locks in the one order."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from governance.access.models import Assignment
from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.locking import locked_all, locked_ids, unit_of_work
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.core.wake import after_commit
from governance.grants import activation, moves, notices, permissions, queries, rules
from governance.grants.models import Grant
from governance.grants.states import LIVE, RAN_OUT, WAITING
from governance.identities.models import Identity

EXPIRY = Actor.system("expiry")


@unit_of_work()
def hand_back(*, grant_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> Grant:
    """End a grant early at its holder's wish, also one that has not begun. Raises NotFound, Denied."""
    grant, assignments = _hold("hand_back", grant_id, actor, now)
    as_seen()
    return _end_early(grant, assignments, actor, reason or "Handed back", now)


@unit_of_work()
def narrow(
    *, grant_id: UUID, until: datetime, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid
) -> Grant:
    """Have a grant end earlier than it would, at its holder's wish: what was to follow it never does.

    Raises Invalid, NotFound, Denied.
    """
    grant, assignments = _hold("narrow", grant_id, actor, now)
    as_seen()
    if problem := rules.narrowing_problem(grant.starts_at, grant.ends_at, until, now):
        raise Invalid({"until": problem})
    why = reason.strip() or "Shortened by the holder"
    begun, waiting = _renewals(grant, now)
    moves.shorten([grant], lambda _: until, actor=actor, why=why, now=now)
    if begun:
        moves.end(begun, assignments, actor=actor, why=moves.cut_short(grant), now=now)
    _call_off(waiting, grant, why, now)
    if grant.state not in WAITING and until - now <= rules.TIMED_AHEAD:
        after_commit("grants.expire", at=until)
    return grant


@unit_of_work()
def revoke(*, grant_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> Grant:
    """End a grant early as an owner, the holder's manager or security.

    Raises Invalid, NotFound, Denied, StepUpRequired.
    """
    if not reason.strip():
        raise Invalid({"reason": "Say why: the holder reads it."})
    grant, assignments = _hold("revoke", grant_id, actor, now)
    stepup.require(actor, Sensitive.REVOKE_GRANT, now)
    as_seen()
    return _end_early(grant, assignments, actor, reason, now)


def _hold(verb: str, grant_id: UUID, actor: Actor, now: datetime) -> tuple[Grant, Sequence[Assignment]]:
    """The grant that the actor may do this to, with its assignment, if it has one."""
    # Whoever activates a grant holds its identity: from here on it has an assignment, or will not get one meanwhile.
    locked_all(Identity.objects.filter(grants=grant_id))
    assignments = locked_all(Assignment.objects.with_names().filter(grants=grant_id))
    return permissions.lock(actor, verb, grant_id, now), assignments


def _end_early(grant: Grant, assignments: Sequence[Assignment], actor: Actor, reason: str, now: datetime) -> Grant:
    """End it and what was to follow: a renewal that waits never begins, one that was started ahead ends too."""
    if grant.state in WAITING:
        return moves.cancel(grant, actor=actor, why=reason, now=now)
    begun, waiting = _renewals(grant, now)
    moves.end([grant, *begun], assignments, actor=actor, why=reason, now=now)
    _call_off(waiting, grant, reason, now)
    return grant


def _renewals(grant: Grant, now: datetime) -> tuple[list[Grant], list[Grant]]:
    """What was to follow the grant, held: what was started ahead and has not begun, and what waits."""
    found = locked_all(Grant.objects.with_names().filter(renews=grant, state__in=[*WAITING, *LIVE]))
    begun = [one for one in found if one.state in LIVE and one.starts_at > now]
    return begun, [one for one in found if one.state in WAITING]


def _call_off(renewals: Sequence[Grant], grant: Grant, reason: str, now: datetime) -> None:
    """Cancel what waits to follow a grant that somebody has ended, or shortened, and tell those who count on it."""
    for one in renewals:
        short = rules.is_cut_short(grant.ends_at, one.starts_at, one.created_at)
        activation.refuse(one, moves.cut_short(grant) if short else reason, now)


@unit_of_work()
def expire_due(*, now: datetime, limit: int = 500, only: Collection[UUID] | None = None) -> int:
    """End what has come to its end: set-based, and only what nobody else holds. Answers how many.

    `only` names the assignments to look at; else they are up to `limit` of `queries.assignments_due`. Safe to run
    twice, late or beside a twin: what a twin holds is skipped and is the next sweep's.
    """
    ids = queries.assignments_due(now, limit) if only is None else only
    held = locked_ids(Assignment.objects.filter(pk__in=ids))
    return moves.end_due(held, actor=EXPIRY, why=RAN_OUT, now=now)


@unit_of_work()
def activate(*, grant_id: UUID, now: datetime) -> Grant:
    """Begin an approved lease, if policy still holds with the facts of this moment (rule 3).

    Otherwise nothing is provisioned and the grant is cancelled with the reason. Raises NotFound. A grant that is not
    due yet, or has been activated or cancelled meanwhile, is returned as it is: safe to run twice.
    """
    hint = Grant.objects.select_related("entitlement").filter(pk=grant_id).first()
    if hint is None:
        raise NotFound
    if hint.state not in WAITING or not rules.is_due(
        hint.state, hint.starts_at, now, renewal=hint.renews_id is not None
    ):
        return hint
    activation.lock_ahead(hint.purpose_id, [], hint.identity_id, hint.accountable_owner_id)
    return activation.begin(hint, now=now)


@unit_of_work()
def remind_due(*, now: datetime, limit: int = 2000) -> None:
    """Tell the holder, the requester and the owner of each lease that is near its end, once per reminder."""
    for reminder in rules.REMINDERS:
        near = queries.to_remind(reminder, now).with_names()
        notices.remind(near.order_by("ends_at")[:limit], reminder, now=now)


@unit_of_work()
def tell_ended(*, now: datetime, limit: int = 2000) -> None:
    """Tell the holder, the requester and the owner of each lease that has ended, once."""
    ended = queries.ended_untold(now).with_names()
    notices.tell_ended(ended.order_by("ends_at")[:limit], now=now)
