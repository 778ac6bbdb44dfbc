"""One person deciding in another's place: what is wrong with a delegation, and how it begins and ends.

If this is wrong, somebody decides whom nobody has asked. Who is asked by a delegation is `queries.resolve` alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from governance.approvals.models import ApprovalRoute, ApprovalStep, Delegation
from governance.approvals.querysets import DelegationQuerySet
from governance.approvals.states import DELEGABLE, RouteState
from governance.audit.models import AuditEvent
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import locked_all
from governance.core.moves import amend, create
from governance.core.wake import after_commit
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.states import CONSENTS
from governance.policy.words import minute

LONGEST: Final = timedelta(days=180)
MOVED: Final = "approvals.ask_again_of"
"""The task that moves what is asked of somebody, once who stands in for them has changed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is delegated, why, and for how long. An empty `kind` is every decision; the period is half-open."""

    kind: str
    reason: str
    starts_at: datetime
    ends_at: datetime


def check(delegator: Identity, delegate: Identity, terms: Terms, now: datetime) -> None:
    """Raise Invalid, field by field, for what a held person can't delegate to another held one."""
    if wrong := dict(_wrong(delegator, delegate, terms, now)):
        raise Invalid(wrong)


def begin(delegator: Identity, delegate: Identity, terms: Terms, *, actor: Actor, now: datetime) -> Delegation:
    """Have one held person decide in the place of another, on terms that have been checked."""
    made = Delegation(
        delegator=delegator,
        delegate=delegate,
        kind=terms.kind,
        reason=terms.reason.strip(),
        made_at=now,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
    )
    create(made, actor=actor, why=made.reason, now=now)
    when = f"From {minute(made.starts_at)} until {minute(made.ends_at)}: {made.scope.lower()}."
    _tell(made, [delegate.pk], f"You decide in the place of {delegator}", f"{when} {made.reason}", "made", now)
    after_commit(MOVED, delegator.pk)
    return made


def end(delegation: Delegation, *, actor: Actor, why: str, now: datetime) -> Delegation:
    """End a held delegation before its time; what has not begun never does. Whoever did not end it is told."""
    ends_at = max(now, delegation.starts_at)
    amend(delegation, "ended", actor=actor, why=why, now=now, ends_at=ends_at, end_reason=why)
    both = (delegation.delegator, delegation.delegate)
    others = [one.pk for one in both if one.pk not in actor.identity_ids and one.acts(now)]
    _tell(delegation, others, f"{delegation}: this delegation has ended", why, "ended", now)
    after_commit(MOVED, delegation.delegator_id)
    return delegation


def end_all(identity: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """End what a held identity has delegated, and what was delegated to it (rule 8)."""
    standing = Delegation.objects.between([identity.pk]).with_names().unended(now)
    for delegation in locked_all(standing):
        end(delegation, actor=actor, why=why, now=now)


def _tell(delegation: Delegation, whom: Collection[UUID], title: str, body: str, what: str, now: datetime) -> None:
    subject, once = (Delegation.NOUN, delegation.pk), f"{what}:{delegation.pk}"
    notify([Notice(pk, Topic.WORK, title, body, subject, once) for pk in whom], now=now)


def _wrong(delegator: Identity, delegate: Identity, terms: Terms, now: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong with a delegation, by field."""
    if terms.kind not in {"", *DELEGABLE}:
        yield "kind", "That is nobody else's to decide in your place."
    if not terms.reason.strip():
        yield "reason", "Say why: whoever decides in your place reads it."
    yield from _wrong_period(delegator, delegate, terms, now)
    one, other = same_human([delegator.pk]), same_human([delegate.pk])
    if delegate.is_machine or not delegate.acts(now) or one & other:
        yield "delegate", "Name another active person."
    elif beside := _during(terms).filter(kind=terms.kind, delegator__in=one).first():
        yield "kind", f"{_said(beside)} already. End that first."
    elif chained := _overlapping(terms).filter(Q(delegator__in=other) | Q(delegate__in=one)).first():
        yield "delegate", f"{_said(chained)}: what is delegated is not passed on. End that first."
    elif theirs := _part_of(other, one, terms.kind):
        yield "delegate", f"{delegate} has a part in {theirs}, which you are asked to decide. Decide that first."


def _wrong_period(delegator: Identity, delegate: Identity, terms: Terms, now: datetime) -> Iterator[tuple[str, str]]:
    if terms.starts_at < now:
        yield "starts_at", "The beginning lies in the past."
    if terms.ends_at <= max(now, terms.starts_at):
        yield "ends_at", "A delegation ends after it begins."
    elif terms.ends_at - terms.starts_at > LONGEST:
        yield "ends_at", f"A delegation lasts {LONGEST.days} days at most."
    for who in (delegator, delegate):
        if who.ends_at is not None and terms.ends_at > who.ends_at:
            yield "ends_at", f"{who} ends on {minute(who.ends_at)}, and what is delegated no later."


def _part_of(delegate_ids: Collection[UUID], delegator_ids: Collection[UUID], kind: str) -> str:
    """What the delegate asked for, or would have, of what waits for the delegator; empty if nothing is.

    What comes later stays with the delegator then: `queries.resolve`.
    """
    waiting = ApprovalStep.objects.pending().asking(delegator_ids).exclude(kind__in=CONSENTS)
    opened = AuditEvent.objects.filter(
        action=f"{ApprovalRoute.NOUN}.{RouteState.OPEN}", subject_id=OuterRef("route"), actor_id__in=delegate_ids
    )
    concerned = waiting.filter(Q(route__beneficiary__in=delegate_ids) | Exists(opened))
    concerned = concerned.filter(kind=kind) if kind else concerned
    found = concerned.select_related("route").order_by("due_at").first()
    return found.route.subject_label if found else ""


def _during(terms: Terms) -> "DelegationQuerySet[Delegation]":
    return Delegation.objects.with_names().filter(ends_at__gt=terms.starts_at, starts_at__lt=terms.ends_at)


def _overlapping(terms: Terms) -> "DelegationQuerySet[Delegation]":
    """Those of the same time under which the same step could fall."""
    return _during(terms).filter(kind__in=["", terms.kind]) if terms.kind else _during(terms)


def _said(delegation: Delegation) -> str:
    until = minute(delegation.ends_at)
    return f"{delegation.delegate} decides in the place of {delegation.delegator} until {until}"
