"""Breaking the glass, and what has to be done afterwards (rule 11).

If this is wrong, somebody has what nobody said yes to and nobody knows of it. So the lease, its start, the record and
the letters to all who must know are one transaction, and nothing of it happens unless all of it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from governance.access.models import Assignment
from governance.break_glass import notices, permissions, queries
from governance.break_glass.models import BreakGlass, Exposure
from governance.break_glass.rules import Draft, Exposed, problems, review_problems
from governance.break_glass.states import ExposureState, GlassState
from governance.catalog.models import Entitlement
from governance.core import stepup
from governance.core.actor import Actor, ActorKind
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.locking import locked, locked_all, unit_of_work
from governance.core.moves import create, move
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.grants import activation
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import STANDING, WAITING, Basis, GrantState
from governance.identities.models import Identity
from governance.identities.queries import accountable_owner, same_human
from governance.policy import moves as policy
from governance.policy.queries import Asking, decide
from governance.policy.states import Phase
from governance.policy.verdicts import Verdict
from governance.policy.words import length, minute
from governance.purposes.models import Purpose
from governance.requests.queries import Wish


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody would take, with everything it names loaded, what policy says, and who would hear of it."""

    draft: Draft
    holder: Identity
    entitlement: Entitlement
    purpose: Purpose
    owner: Identity | None
    verdict: Verdict
    skipped: Sequence[queries.Skipped]
    told: frozenset[UUID]
    watching: frozenset[UUID]
    unreviewed: Sequence[BreakGlass]


def preview(*, draft: Draft, actor: Actor, now: datetime) -> Proposal:
    """What would follow if the glass were broken now; nothing is stored. Raises NotFound."""
    return _proposal(draft, actor, now)


@unit_of_work()
def take(*, draft: Draft, actor: Actor, now: datetime) -> BreakGlass:
    """Break the glass: the lease begins at once, and everybody who must know is told in the same transaction.

    The same form sent twice breaks it once. Raises NotFound, Denied, StepUpRequired, Invalid, Conflict.
    """
    if actor.kind != ActorKind.HUMAN or actor.identity_id is None:
        raise Denied("A person breaks the glass, and for themselves alone.")
    owner = accountable_owner("purpose", draft.purpose_id, now)
    activation.lock_ahead(draft.purpose_id, [draft.entitlement_id], actor.identity_id, owner.pk if owner else None)
    twin = BreakGlass.objects.with_names().filter(form_token=draft.form_token).first()
    if twin is not None:
        return _own(twin, draft, actor)
    stepup.require(actor, Sensitive.BREAK_GLASS, now)
    proposal = _proposal(draft, actor, now)
    if wrong := refusals(proposal, now):
        raise Invalid(wrong)
    return _break(proposal, actor, now)


def _own(twin: BreakGlass, draft: Draft, actor: Actor) -> BreakGlass:
    """What the same form has taken. A form sent again with other words is not that."""
    said = (draft.entitlement_id, draft.purpose_id, draft.incident.strip())
    if twin.holder_id not in actor.identity_ids or said != (
        twin.grant.entitlement_id,
        twin.grant.purpose_id,
        twin.incident,
    ):
        raise Invalid({"form_token": "This form was sent already. Open a new one."})
    return twin


def _proposal(draft: Draft, actor: Actor, now: datetime) -> Proposal:
    holder = Identity.objects.active(now).filter(pk=actor.identity_id).first() if actor.identity_id else None
    purpose = queries.emergencies(now).filter(pk=draft.purpose_id).first()
    found = queries.within_reach(holder, now).filter(pk=draft.entitlement_id).first() if holder else None
    if holder is None or purpose is None or found is None:
        raise NotFound
    asking = Asking(
        identity=holder,
        purpose=purpose,
        requester=holder,
        term=draft.term,
        assurance=actor.assurance,
        now=now,
        break_glass=True,
    )
    verdict = decide(asking, found)
    skipped = queries.skipped(verdict, Wish(holder, holder, found, purpose), now)
    hearing = {pk for step in skipped for pk in step.identity_ids}
    watching = queries.watching(holder.pk, now)
    hearing |= queries.answering(found, purpose.pk, now) | watching
    return Proposal(
        draft=draft,
        holder=holder,
        entitlement=found,
        purpose=purpose,
        owner=accountable_owner("purpose", purpose.pk, now),
        verdict=verdict,
        skipped=skipped,
        told=frozenset(hearing) - same_human([holder.pk]),
        watching=watching,
        unreviewed=list(queries.unreviewed(holder.pk, found.pk).select_related("grant")),
    )


def refusals(proposal: Proposal, now: datetime) -> dict[str, str]:
    """Everything that stands against it, by field, in words."""
    draft, verdict, what = proposal.draft, proposal.verdict, proposal.entitlement
    found = dict(problems(draft))
    if verdict.denials:
        found.setdefault("entitlement", " ".join(reason.text for reason in verdict.denials))
    elif draft.term > verdict.latest_end - now:
        found.setdefault("term", f"At most {length(verdict.latest_end - now)}. {verdict.binding.text}")
    standing = Grant.objects.filter(identity=proposal.holder, entitlement=what, purpose=proposal.purpose)
    if grant := standing.filter(ends_at__gt=now).exclude(state=GrantState.CANCELLED).first():
        found.setdefault("entitlement", f"{grant} leases it for this emergency until {minute(grant.ends_at)}.")
    if proposal.owner is None:
        found.setdefault("purpose", "Nobody active answers for this emergency.")
    if late := next((one for one in proposal.unreviewed if now >= one.due_at), None):
        found.setdefault("entitlement", f"{late} is overdue: you take this again once somebody has reviewed it.")
    if not proposal.watching:
        found.setdefault("entitlement", "There is nobody of security or governance who could be told of it.")
    return found


def _break(proposal: Proposal, actor: Actor, now: datetime) -> BreakGlass:
    """Make the lease and the record of it, begin it by the way of every lease, and tell of it. Raises Conflict."""
    draft = proposal.draft
    glass = BreakGlass(
        holder=proposal.holder,
        incident=draft.incident.strip(),
        justification=draft.justification.strip(),
        skipped=[step.kept() for step in proposal.skipped],
        told=sorted(proposal.told),
        form_token=draft.form_token,
        taken_at=now,
    )
    glass.grant = _leased(glass, proposal, actor, now)
    create(glass, actor=actor, why=glass.justification, now=now)
    glass.grant = activation.begin(glass.grant, now=now)
    if glass.grant.state == GrantState.CANCELLED:
        raise Conflict(glass.grant.state_reason, code="not_begun")
    notices.tell_taken(glass, proposal.told, unreviewed=proposal.unreviewed, now=now)
    return glass


def _leased(glass: BreakGlass, proposal: Proposal, actor: Actor, now: datetime) -> Grant:
    """The lease, as every yes makes it: it has not begun. Raises Conflict."""
    assert proposal.owner is not None  # noqa: S101 - refused before
    decision = policy.record_decision(
        proposal.verdict, phase=Phase.SUBMISSION, subject_kind=BreakGlass.NOUN, subject_id=glass.pk, actor=actor
    )
    lease = grants.Lease(
        identity=proposal.holder,
        entitlement=proposal.entitlement,
        purpose=proposal.purpose,
        owner=proposal.owner,
        requester=proposal.holder,
        decision=decision,
        source=(BreakGlass.NOUN, glass.pk),
        term=proposal.draft.term,
        until=None,
    )
    return grants.approve(lease, basis=Basis.BREAK_GLASS, actor=actor, why=glass.justification, now=now)


@unit_of_work()
def stop(*, break_glass_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> BreakGlass:
    """End it as security, and with it every other lease that the same access rests on.

    Raises Invalid, NotFound, Denied, StepUpRequired, Conflict.
    """
    if not reason.strip():
        raise Invalid({"reason": "Say why: the holder and the owners read it."})
    hint = _hint(break_glass_id, actor, now)
    locked_all(Identity.objects.filter(pk=hint.holder_id))
    assignments = locked_all(Assignment.objects.with_names().filter(grants=hint.grant_id))
    begun = Q(assignment=hint.grant.assignment_id, state__in=STANDING)
    waiting = Q(identity=hint.holder_id, entitlement=hint.grant.entitlement_id, state__in=WAITING)
    leases = locked_all(Grant.objects.with_names().filter(begun | waiting))
    glass = permissions.lock(actor, "stop", break_glass_id, now)
    stepup.require(actor, Sensitive.REVOKE_GRANT, now)
    as_seen()
    why = reason.strip()
    for lease in leases:
        if lease.state in WAITING:
            grants.cancel(lease, actor=actor, why=why, now=now)
    grants.end([one for one in leases if one.state in STANDING], assignments, actor=actor, why=why, now=now)
    notices.tell_stopped(glass, why, now=now)
    return glass


@unit_of_work()
def review(
    *,
    break_glass_id: UUID,
    done: str,
    exposed: Sequence[Exposed],
    nothing_exposed: bool,
    actor: Actor,
    now: datetime,
    as_seen: AsSeen = unsaid,
) -> BreakGlass:
    """Write down what was done with the access, and list what it exposed, as somebody who had no part in it.

    Raises Invalid, NotFound, Denied, Conflict while it stands or once it is reviewed.
    """
    glass = _held("review", break_glass_id, actor, now)
    if wrong := review_problems(done, exposed, nothing_exposed=nothing_exposed):
        raise Invalid(wrong)
    as_seen()
    by, why = _as(actor, glass, now), done.strip()
    move(glass, GlassState.REVIEWED, actor=actor, why=why, now=now, reviewer=by, reviewed_at=now, done=why)
    for one in exposed:
        create(Exposure(break_glass=glass, kind=one.kind, locator=one.locator.strip()), actor=actor, why=why, now=now)
    return glass


@unit_of_work()
def rotated(*, exposure_id: UUID, evidence: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> Exposure:
    """Mark a credential as rotated, with what shows that it is. Raises Invalid, NotFound, Denied, Conflict."""
    hint = Exposure.objects.filter(pk=exposure_id).first()
    if hint is None:
        raise NotFound
    glass = _held("rotate", hint.break_glass_id, actor, now)
    exposure = locked(Exposure.objects.select_related("break_glass"), exposure_id)
    if exposure.state == ExposureState.ROTATED:
        raise Conflict(f"{exposure} is rotated already.", code="already_rotated")
    if not evidence.strip():
        raise Invalid({"evidence": "Say what shows that the old one opens nothing any more."})
    as_seen()
    by, why = _as(actor, glass, now), evidence.strip()
    return move(
        exposure, ExposureState.ROTATED, actor=actor, why=why, now=now, rotated_by=by, rotated_at=now, evidence=why
    )


@unit_of_work()
def close(*, break_glass_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> BreakGlass:
    """Close it: its removal is verified, it is reviewed, and all that it exposed is rotated.

    Raises NotFound, Denied, Conflict saying what is missing.
    """
    glass = _held("close", break_glass_id, actor, now)
    as_seen()
    by, why = _as(actor, glass, now), reason.strip() or "Reviewed, and nothing that was exposed opens anything"
    return move(glass, GlassState.CLOSED, actor=actor, why=why, now=now, closer=by, closed_at=now)


def _held(verb: str, pk: UUID, actor: Actor, now: datetime) -> BreakGlass:
    """What the actor may do this to, held with its lease and all that it exposed."""
    locked_all(Grant.objects.filter(pk=_hint(pk, actor, now).grant_id))
    glass = permissions.lock(actor, verb, pk, now)
    locked_all(glass.exposures.all())
    return glass


def _hint(pk: UUID, actor: Actor, now: datetime) -> BreakGlass:
    hint = permissions.visible(actor, now).select_related("grant").filter(pk=pk).first()
    if hint is None:
        raise NotFound
    return hint


def _as(actor: Actor, glass: BreakGlass, now: datetime) -> Identity:
    """The identity by which the actor acts here. Raises Denied."""
    pk = permissions.reviewer_for(actor, glass, now)
    if pk is None:
        raise Denied(permissions.NOT_THEIRS)
    return Identity.objects.get(pk=pk)


@unit_of_work()
def remind(*, break_glass_id: UUID, now: datetime) -> None:
    """Tell those who may review it that it has ended and waits, and each day that it is overdue. Safe to run twice.

    Where nobody is left who may, the administrators are told (rule 15).
    """
    for glass in BreakGlass.objects.unclosed(now).with_names().filter(pk=break_glass_id):
        if able := queries.able_to_review(glass, now):
            notices.tell_waiting(glass, able, now=now)
        else:
            notices.tell_stuck(glass, queries.administrators(now), now=now)
