"""What people and workers ask of a lease. Each opens one transaction and takes its locks in the one order."""

from datetime import datetime
from uuid import UUID

from governance.access.models import Account, Assignment
from governance.core.actor import Actor
from governance.core.errors import NotFound
from governance.core.locking import locked, locked_all, unit_of_work
from governance.core.moves import create
from governance.grants import moves, permissions, rules
from governance.grants.models import Grant
from governance.grants.states import WAITING
from governance.identities.models import Identity
from governance.policy import moves as policy
from governance.policy.queries import Asking, decide
from governance.policy.states import Phase
from governance.purposes.models import Purpose

ACTIVATION = Actor.system("activation")
EXPIRY = Actor.system("expiry")


@unit_of_work()
def hand_back(*, grant_id: UUID, actor: Actor, reason: str, now: datetime) -> Grant:
    """End a grant early at its holder's wish. Raises NotFound, Denied, IllegalMove."""
    return _end_early("hand_back", grant_id, actor, reason or "Handed back", now)


@unit_of_work()
def revoke(*, grant_id: UUID, actor: Actor, reason: str, now: datetime) -> Grant:
    """End a grant early as an owner, the holder's manager or security. Raises NotFound, Denied, IllegalMove."""
    return _end_early("revoke", grant_id, actor, reason, now)


def _end_early(verb: str, grant_id: UUID, actor: Actor, reason: str, now: datetime) -> Grant:
    assignment = _lock_assignment_of(grant_id)
    grant = permissions.lock(actor, verb, grant_id, now)
    if assignment is None:
        raise NotFound
    moves.end([grant], [assignment], actor=actor, why=reason, now=now)
    return grant


def _lock_assignment_of(grant_id: UUID) -> Assignment | None:
    held = Grant.objects.filter(pk=grant_id).values("assignment")
    return next(iter(locked_all(Assignment.objects.with_names().filter(pk__in=held))), None)


@unit_of_work()
def expire_due(*, now: datetime, limit: int = 500) -> int:
    """End what has come to its end: set-based, and only what nobody else holds. Answers how many.

    Safe to run twice, late or beside a twin: what a twin holds is skipped and is the next sweep's.
    """
    due = Grant.objects.ended_by(now).order_by("ends_at", "pk").values("assignment")[:limit]
    ids = list(due.values_list("assignment", flat=True))
    assignments = locked_all(Assignment.objects.with_names().filter(pk__in=ids), skip_locked=True)
    ended = locked_all(Grant.objects.ended_by(now).filter(assignment__in=[held.pk for held in assignments]))
    moves.end(ended, assignments, actor=EXPIRY, why="The lease came to its end", now=now)
    return len(ended)


@unit_of_work()
def activate(*, grant_id: UUID, now: datetime) -> Grant:
    """Begin an approved lease, if policy still holds with the facts of this moment (rule 3).

    Otherwise nothing is provisioned and the grant is cancelled with the reason. Raises NotFound. A grant that has
    been activated or cancelled meanwhile is returned as it is: safe to run twice.
    """
    hint = Grant.objects.filter(pk=grant_id).first()
    if hint is None:
        raise NotFound
    locked_all(Purpose.objects.filter(pk=hint.purpose_id), share=True)
    locked_all(Identity.objects.filter(pk__in={hint.identity_id, hint.accountable_owner_id}))
    account = _account_for(hint)
    assignment = _assignment_for(account, hint, now) if account else None
    grant = locked(Grant.objects.with_names().select_related("policy_decision"), grant_id)
    if grant.state not in WAITING:
        return grant
    if assignment is None:
        why = f"{grant.identity} has no account on {grant.entitlement.system}."
        return moves.cancel(grant, actor=ACTIVATION, why=why, now=now)
    return _activate(grant, assignment, now)


def _account_for(grant: Grant) -> Account | None:
    return Account.objects.filter(identity=grant.identity_id, system__entitlements=grant.entitlement_id).first()


def _assignment_for(account: Account, grant: Grant, now: datetime) -> Assignment:
    """The held assignment of the account, made where there is none: under the identity's lock, so only once."""
    pair = Assignment.objects.with_names().filter(account=account, entitlement=grant.entitlement_id)
    found = locked_all(pair)
    if found:
        return found[0]
    assignment = Assignment(account=account, entitlement=grant.entitlement)
    return create(assignment, actor=ACTIVATION, why=f"{grant} is activated", now=now)


def _activate(grant: Grant, assignment: Assignment, now: datetime) -> Grant:
    verdict = decide(_asking(grant, now), grant.entitlement)
    decision = policy.record_decision(
        verdict, phase=Phase.ACTIVATION, subject_kind=Grant.NOUN, subject_id=grant.pk, actor=ACTIVATION
    )
    why = rules.refusal_at_activation(verdict, grant.policy_decision.steps, grant.accountable_owner.state)
    if why is not None:
        return moves.cancel(grant, actor=ACTIVATION, why=why, now=now)
    return moves.start(grant, assignment, decision, latest_end=verdict.latest_end, actor=ACTIVATION, now=now)


def _asking(grant: Grant, now: datetime) -> Asking:
    """The question of the submission, with the facts of now; the requester's session is that of the submission."""
    return Asking(
        identity=grant.identity,
        purpose=grant.purpose,
        requester=grant.requester,
        term=grant.term or grant.ends_at - now,
        assurance=grant.policy_decision.facts["assurance"],
        now=now,
    )


@unit_of_work()
def remind_due(*, now: datetime, limit: int = 2000) -> None:
    """Tell the holder, the requester and the owner of each lease that is near its end, once per reminder."""
    for reminder in rules.REMINDERS:
        near = Grant.objects.ending_within(now, reminder.ahead).with_names()
        moves.remind(near.order_by("ends_at")[:limit], reminder, now=now)
