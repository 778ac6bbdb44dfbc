"""What the end of an identity takes with it, in one transaction. Callers hold what `succession.lock` holds."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from governance.access.models import Assignment
from governance.approvals import delegating
from governance.approvals import moves as approvals
from governance.approvals.models import ApprovalRoute, ApprovalStep
from governance.approvals.states import ENDED_STEPS, RouteState
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.moves import amend, move
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER, STANDING, WAITING
from governance.identities.models import Identity, TeamMembership
from governance.identities.states import Status
from governance.lifecycle import succession
from governance.requests import moves as requests
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import OPEN_REQUESTS, ItemState
from governance.users import moves as tokens


def end(identity: Identity, heirs: succession.Heirs, *, actor: Actor, reason: str, now: datetime) -> None:
    """End the identity: access ends, what it owns passes on, open decisions move (rule 8). Raises IllegalMove."""
    ends_at = min(now, identity.ends_at or now)
    facts = {"sign_in_closed": identity.user_id is not None}
    move(identity, Status.ENDED, actor=actor, why=reason, now=now, facts=facts, ends_at=ends_at)
    orphaned = succession.hand_over_things(identity, heirs, actor=actor, why=reason, now=now)
    _leave_teams(identity, actor=actor, why=reason, now=now)
    delegating.end_all(identity, actor=actor, why=reason, now=now)
    _close_sign_in(identity, actor=actor, why=reason, now=now)
    _lock_leases(identity, orphaned)
    held = _lock_waiting(identity)
    unanswered = succession.repoint_grants(identity, heirs, actor=actor, why=reason, now=now)
    _end_access(Q(identity=identity), actor=actor, why=reason, now=now)
    nobody = f"Nobody is left to take over from {identity}"
    _end_access(Q(identity__in=orphaned) | Q(pk__in=unanswered), actor=actor, why=nobody, now=now)
    _close_requests(identity, actor=actor, why=reason, now=now)
    _move_decisions(identity, held, why=reason, now=now)


def _leave_teams(identity: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    # Nobody else writes memberships of an identity whose row is held.
    for membership in locked_all(TeamMembership.objects.unended(now).filter(identity=identity)):
        amend(membership, "ended", actor=actor, why=why, now=now, ends_at=max(now, membership.starts_at))


def _close_sign_in(identity: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """An inactive user's sessions load as nobody from the next request on, and no token signs in any more."""
    tokens.revoke_all(identity_id=identity.pk, user_id=identity.user_id, actor=actor, why=why, now=now)
    if identity.user is not None:
        identity.user.is_active = False
        identity.user.save(update_fields=["is_active"])


def _lock_leases(identity: Identity, orphaned: Collection[UUID]) -> None:
    """The grants of the identity and of those left with nobody, and the ones it answers for; assignments first."""
    concerned = Q(identity=identity) | Q(identity__in=orphaned) | Q(accountable_owner=identity)
    leases = Grant.objects.filter(concerned).exclude(state__in=OVER)
    locked_all(Assignment.objects.filter(pk__in=leases.values("assignment")))
    locked_all(leases)


def _end_access(which: Q, *, actor: Actor, why: str, now: datetime) -> None:
    """What stands is revoked and its removal queued; what was only approved never starts."""
    held = Grant.objects.filter(which)
    standing = locked_all(held.filter(state__in=STANDING))
    behind = {grant.assignment_id for grant in standing if grant.assignment_id}
    assignments = locked_all(Assignment.objects.with_names().filter(pk__in=behind))
    for grant in locked_all(held.filter(state__in=WAITING)):
        grants.cancel(grant, actor=actor, why=why, now=now)
    grants.end(standing, assignments, actor=actor, why=why, now=now)


def _lock_waiting(identity: Identity) -> list[ApprovalStep]:
    """Everything that waits by, for or on the identity, in the one order, before any of it is moved.

    Answers the steps: one that opens meanwhile and asks the leaver is found by the sweep of approvals.
    """
    asked = ApprovalStep.objects.pending().concerning([identity.pk])
    theirs = RequestItem.objects.filter(_by_or_for(identity, "request__"), request__state__in=OPEN_REQUESTS)
    items = RequestItem.objects.filter(Q(pk__in=asked.values("route__subject_id")) | Q(pk__in=theirs.values("pk")))
    changes = ProposedChange.objects.filter(pk__in=asked.values("route__subject_id"))
    about = Q(subject_id__in=items.values("pk")) | Q(subject_id__in=changes.values("pk"))
    routes = ApprovalRoute.objects.filter(about, state=RouteState.OPEN)
    locked_all(AccessRequest.objects.filter(items__in=items))
    locked_all(items)
    locked_all(changes)
    locked_all(routes)
    return locked_all(ApprovalStep.objects.filter(route__in=routes).exclude(state__in=ENDED_STEPS))


def _by_or_for(identity: Identity, prefix: str = "") -> Q:
    return Q(**{f"{prefix}beneficiary": identity}) | Q(**{f"{prefix}requester": identity})


def _close_requests(identity: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """What was asked by or for the identity is asked no more."""
    for request in locked_all(AccessRequest.objects.open().filter(_by_or_for(identity))):
        requests.withdraw(request, to=ItemState.CLOSED, actor=actor, why=why, now=now)


def _move_decisions(identity: Identity, held: list[ApprovalStep], *, why: str, now: datetime) -> None:
    """Held steps that asked the leaver, or somebody in their place, ask somebody else (rule 16)."""
    asked = ApprovalStep.objects.pending().concerning([identity.pk]).filter(pk__in=[step.pk for step in held])
    asked = asked.select_related("route")
    for step in locked_all(asked):
        approvals.ask_again(step, why=why, now=now)
