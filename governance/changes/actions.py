"""What people ask of a proposed change: to propose it, to take it back, to answer an approver."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.approvals import moves as approvals
from governance.approvals.models import Question
from governance.catalog import managed
from governance.changes import moves, permissions, queries
from governance.changes.kinds import ChangeKind, Proposing, kind_of, known
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Denied, Invalid, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.models import Governed
from governance.core.seen import AsSeen, unsaid
from governance.identities.models import Identity

SHORTEST_REASON = 10
"""Characters; those who decide read it first."""

UNEXPLAINED = "Withdrawn by the proposer"


@unit_of_work()
def propose(
    *,
    kind: str,
    subject_id: UUID | None,
    payload: Mapping[str, Any],
    reason: str,
    token: UUID,
    actor: Actor,
    now: datetime,
) -> ProposedChange:
    """Propose a change of one thing, or a new thing where `subject_id` is None. The same form sent twice is one.

    Raises NotFound, Denied, Conflict while another of the kind waits, Invalid with what is wrong at each field.
    """
    if kind not in known():
        raise Invalid({"kind": f"There is no such change; there are {', '.join(sorted(known()))}."})
    found = kind_of(kind)
    if subject_id is not None:
        found.lock(subject_id)
    proposer = _proposer(actor, found.people(payload), now)
    twin = ProposedChange.objects.filter(form_token=token).first()
    if twin is not None:
        return _own(twin, found, subject_id, actor)
    if len(reason.strip()) < SHORTEST_REASON:
        raise Invalid({"reason": "Say why, in a sentence: those who decide read this first."})
    by = Proposing(proposer, actor, reason.strip(), now)
    return _propose(found, subject_id, payload, by, token)


def _propose(
    kind: ChangeKind, subject_id: UUID | None, payload: Mapping[str, Any], by: Proposing, token: UUID
) -> ProposedChange:
    if unknown := sorted(set(payload) - set(kind.fields)):
        raise Invalid(dict.fromkeys(unknown, "There is no such field."))
    if subject_id is None:
        subject = kind.create(payload, by)
        return moves.propose(kind, subject, kind.checked(subject.pk, payload, by.now), by, token=token)
    subject = kind.subject(by.actor, subject_id, by.now)
    kept = kind.checked(subject_id, kind.completed(payload, by), by.now)
    return moves.propose(kind, subject, kept, by, token=token)


def _proposer(actor: Actor, named: frozenset[UUID], now: datetime) -> Identity:
    """The identity that proposes, held with those that are named, so that none of them ends meanwhile."""
    held = {one.pk: one for one in locked_all(Identity.objects.filter(pk__in=actor.identity_ids | named))}
    proposer = held.get(actor.identity_id) if actor.identity_id else None
    if proposer is None or not proposer.acts(now):
        raise Denied("Only an active identity proposes a change.")
    return proposer


def _own(twin: ProposedChange, kind: ChangeKind, subject_id: UUID | None, actor: Actor) -> ProposedChange:
    """The change that the same form has proposed."""
    same = twin.kind == kind.name and subject_id in {None, twin.subject_id}
    if twin.proposer_id not in actor.identity_ids or not same:
        raise Invalid({"token": "This form has been sent already. Open it anew."})
    return twin


@unit_of_work()
def withdraw(*, change_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> ProposedChange:
    """Take a change back while it waits. Raises NotFound, Denied, Conflict once it is decided."""
    hint = permissions.seen(actor, "withdraw", change_id, now)
    kind_of(hint.kind).lock(hint.subject_id)
    change = permissions.lock(actor, "withdraw", change_id, now)
    as_seen()
    moves.withdraw(change, actor=actor, why=reason.strip() or UNEXPLAINED, now=now)
    return change


@unit_of_work()
def answer(
    *, change_id: UUID, question_id: UUID, text: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> ProposedChange:
    """Answer an approver's question; the step opens again. Raises Invalid, NotFound, Denied, Conflict."""
    if not text.strip():
        raise Invalid({"answer": "Write an answer: the approver waits for it."})
    hint = permissions.seen(actor, "answer", change_id, now)
    kind_of(hint.kind).lock(hint.subject_id)
    change = permissions.lock(actor, "answer", change_id, now)
    question = _locked_question(change, question_id)
    as_seen()
    by = Identity.objects.get(pk=change.proposer_id)
    approvals.answer(question, by, text.strip(), actor=actor, now=now)
    return change


def _locked_question(change: ProposedChange, question_id: UUID) -> Question:
    question = queries.open_questions([change.pk]).filter(pk=question_id).first()
    if question is None:
        raise NotFound
    return approvals.lock_question(question)


def proposable(*, kind: str, subject_id: UUID, actor: Actor, now: datetime) -> Governed:
    """The thing that the actor may propose such a change of now. Raises NotFound, Denied, Conflict."""
    found = kind_of(kind).subject(actor, subject_id, now)
    managed.refuse(found.NOUN, found.pk, str(found))
    return found
