"""How a lease that was said yes to begins, whatever it rests on: policy once more, then the assignment (rules 3, 7).

Callers open the transaction and lock ahead.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from governance.access.models import Account, Assignment
from governance.access.moves import hold_assignment
from governance.access.queries import account_in
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.locking import locked_all, take_turns
from governance.grants import moves, notices, rules
from governance.grants.models import Grant
from governance.grants.states import UNPROVEN, WAITING, Basis
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.policy import moves as policy
from governance.policy.queries import Asking, decide
from governance.policy.states import Phase
from governance.purposes.models import Purpose
from governance.separation.queries import MAP

ACTIVATION = Actor.system("activation")


def lock_ahead(purpose_id: UUID, entitlement_ids: Collection[UUID], identity_id: UUID, owner_id: UUID | None) -> None:
    """Take the locks of an activation that come before all others: what is leased for what, to whom, who answers."""
    take_turns(MAP, share=True)  # rule 7: no rule or inclusion comes into force between the verdict and the start
    locked_all(Purpose.objects.filter(pk=purpose_id), share=True)
    locked_all(Entitlement.objects.filter(pk__in=entitlement_ids), share=True)
    # All of a human's: two halves of what is kept apart may be activated at once for two identities of theirs.
    locked_all(Identity.objects.filter(pk__in={*same_human([identity_id]), *([owner_id] if owner_id else [])}))


def begin(hint: Grant, *, now: datetime) -> Grant:
    """Begin the lease if policy holds with the facts of this moment; else cancel it with the reason.

    `hint` is the grant as it was read or made, with its entitlement. One that has begun, or was cancelled, meanwhile is
    returned as it is: safe to run twice.
    """
    account = account_in(hint.entitlement.system_id, hint.identity_id)
    assignment = _assignment_for(account, hint, now) if account else None
    grant = _with_what_it_replaces(hint.pk, assignment)
    if grant.state not in WAITING:
        return grant
    if assignment is None:
        why = f"{grant.identity} has no account on {grant.entitlement.system}."
        return refuse(grant, why, now)
    return _activate(grant, assignment, now)


def refuse(grant: Grant, why: str, now: datetime) -> Grant:
    """Cancel what cannot begin, and tell those who count on it."""
    moves.cancel(grant, actor=ACTIVATION, why=why, now=now)
    notices.tell_cancelled(grant, now=now)
    return grant


def _assignment_for(account: Account, grant: Grant, now: datetime) -> Assignment:
    why = f"{grant} is activated"
    return hold_assignment(account, grant.entitlement, actor=ACTIVATION, why=why, now=now)


def _with_what_it_replaces(grant_id: UUID, assignment: Assignment | None) -> Grant:
    """The grant, held with those that ended on its assignment and are not proven gone: it takes their place."""
    ended = Q(assignment=assignment, state__in=UNPROVEN) if assignment else Q()
    rows = Grant.objects.with_names().select_related("policy_decision", "renews").filter(Q(pk=grant_id) | ended)
    return next(grant for grant in locked_all(rows) if grant.pk == grant_id)


def _activate(grant: Grant, assignment: Assignment, now: datetime) -> Grant:
    verdict = decide(_asking(grant, now), grant.entitlement)
    decision = policy.record_decision(
        verdict, phase=Phase.ACTIVATION, subject_kind=Grant.NOUN, subject_id=grant.pk, actor=ACTIVATION
    )
    owner_acts = grant.accountable_owner.acts(now)
    approved = grant.policy_decision.steps
    why = rules.refusal_at_activation(verdict, approved, owner_acts=owner_acts, latest_end=grant.ends_at)
    if grant.renews and rules.is_cut_short(grant.renews.ends_at, grant.starts_at, grant.created_at):
        why = moves.cut_short(grant.renews)
    if why is not None:
        return refuse(grant, why, now)
    end = verdict.end(max(now, grant.starts_at), verdict.cap)
    return moves.start(grant, assignment, decision, latest_end=end, actor=ACTIVATION, now=now)


def _asking(grant: Grant, now: datetime) -> Asking:
    """The question of the submission, with the facts of now; the requester's session is that of the submission.

    So is the bundle by which it was asked for; decisions of earlier versions know none.
    """
    begins = max(now, grant.starts_at)
    bundle = grant.policy_decision.facts["request"].get("bundle", "")
    return Asking(
        identity=grant.identity,
        purpose=grant.purpose,
        requester=grant.requester,
        term=grant.term or grant.ends_at - begins,
        assurance=grant.policy_decision.facts["assurance"],
        now=now,
        break_glass=grant.basis == Basis.BREAK_GLASS,
        starts_at=begins,
        bundles={grant.entitlement_id: bundle} if bundle else {},
    )
