"""What happens to a proposed change. Callers hold its subject, then the change, both before its route.

It is applied in the transaction of the last yes, or not at all: what was shown to those who decided must still be so.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from governance.approvals import moves as approvals
from governance.approvals.models import ApprovalRoute
from governance.approvals.states import RouteState
from governance.catalog import managed
from governance.changes.kinds import ChangeKind, Proposing, kind_of
from governance.changes.models import ProposedChange
from governance.changes.queries import waiting_for
from governance.changes.states import ChangeState
from governance.core.actor import Actor
from governance.core.errors import Conflict, DomainError
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import create, move
from governance.core.subjects import Description, Obstacle, Said, Span
from governance.identities.models import Identity
from governance.identities.queries import answerable_for, same_human
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic

REFUSED: Mapping[str, ChangeState] = {
    RouteState.REJECTED: ChangeState.REJECTED,
    RouteState.EXPIRED: ChangeState.EXPIRED,
}


def propose(
    kind: ChangeKind, subject: Governed, payload: Mapping[str, Any], by: Proposing, *, token: UUID
) -> ProposedChange:
    """Keep a checked change of a held subject and ask those who must approve it. Raises Conflict while another waits.

    `payload` is what `kind.checked` answered. Raises Conflict also for what is managed from files.
    """
    managed.refuse(kind.subject_kind, subject.pk, str(subject))
    if not kind.several and (other := waiting_for(kind.name, subject.pk)):
        raise Conflict(f"{other} proposes this already and waits for its decision.", code="already_proposed")
    current = kind.current(subject.pk)
    change = ProposedChange(
        kind=kind.name,
        subject_kind=kind.subject_kind,
        subject_id=subject.pk,
        subject_label=str(subject)[:300],
        proposer=by.proposer,
        reason=by.reason,
        payload=dict(payload),
        before={name: current[name] for name in payload if name in current},
        assurance=by.actor.assurance,
        proposed_at=by.now,
        form_token=token,
    )
    create(change, actor=by.actor, why=by.reason, now=by.now)
    about = approvals.Subject(ProposedChange.NOUN, change.pk, _called(change))
    plans = kind.route(subject, payload, by)
    if any(plan.everyone for plan in plans):
        raise ValueError("a leaver can't be waited for here: no step of a change asks everyone")
    approvals.open_route(about, None, plans, actor=by.actor, now=by.now)
    return change


def _called(change: ProposedChange) -> str:
    return f"{change}, {change.subject_label}"[:300]


def withdraw(change: ProposedChange, *, actor: Actor, why: str, now: datetime) -> None:
    """Take a held change back; nobody is asked any more."""
    cancel_route(change, actor=actor, why=why, now=now)
    close(change, ChangeState.WITHDRAWN, actor=actor, why=why, now=now)


def cancel_route(change: ProposedChange, *, actor: Actor, why: str, now: datetime) -> None:
    """Close the change's route, if it is open."""
    open_routes = ApprovalRoute.objects.filter(
        subject_kind=ProposedChange.NOUN, subject_id=change.pk, state=RouteState.OPEN
    )
    for route in locked_all(open_routes):
        approvals.cancel(route, actor=actor, why=why, now=now)


def close(change: ProposedChange, to: ChangeState, *, actor: Actor, why: str, now: datetime) -> None:
    """End a held change that does not come about."""
    move(change, to, actor=actor, why=why, now=now, state_reason=why, closed_at=now)
    kind_of(change.kind).refused(change, actor=actor, why=why, now=now)


def carry_out(change: ProposedChange, *, actor: Actor, why: str, now: datetime) -> None:
    """Apply a held change that everybody has said yes to, or record why it can't be; never half of it."""
    move(change, ChangeState.APPROVED, actor=actor, why=why, now=now)
    kind = kind_of(change.kind)
    try:
        with transaction.atomic():
            _require_as_shown(kind, change, now)
            managed.refuse(change.subject_kind, change.subject_id, change.subject_label)
            kind.apply(change, actor=actor, now=now)
    except DomainError as refusal:
        close(change, ChangeState.FAILED, actor=actor, why=refusal.message, now=now)
        return
    move(change, ChangeState.APPLIED, actor=actor, why=change.reason, now=now, closed_at=now)


def _require_as_shown(kind: ChangeKind, change: ProposedChange, now: datetime) -> None:
    """Raise Conflict if what was shown to those who decided is no longer so, Invalid if it is no longer right."""
    current = kind.current(change.subject_id)
    stale = [kind.fields[name].label for name, old in change.before.items() if current.get(name) != old]
    if stale:
        raise Conflict(f"Changed meanwhile: {', '.join(stale)}. Propose it anew.", code="stale")
    kind.checked(change.subject_id, change.payload, now)


def _tell(change: ProposedChange, topic: Topic, title: str, body: str, once: str, now: datetime) -> None:
    notify([Notice(change.proposer_id, topic, title, body, (ProposedChange.NOUN, change.pk), once)], now=now)


class ChangeSubject:
    """What approval routes call upward about a proposed change."""

    def lock(self, subject_id: UUID, identity_ids: Collection[UUID]) -> None:
        """What the kind touches, then the proposer and whom it names with the given identities, then the change."""
        change = ProposedChange.objects.get(pk=subject_id)
        kind = kind_of(change.kind)
        kind.lock(change.subject_id)
        locked_all(Identity.objects.filter(pk__in={change.proposer_id, *kind.people(change.payload), *identity_ids}))
        if identity_ids:
            kind.lock_rest(change)
        else:  # nobody decides, and since no step asks everyone, nothing is carried out
            locked_all(ProposedChange.objects.filter(pk=subject_id))

    def parties(self, subject_id: UUID, now: datetime) -> frozenset[UUID]:
        """The proposer, whoever answers for it if it is a machine, and whom the kind names: all their identities."""
        change = ProposedChange.objects.get(pk=subject_id)
        return same_human([change.proposer_id, *kind_of(change.kind).parties(change, now)]) | answerable_for(
            change.proposer_id, now
        )

    def asker(self, subject_id: UUID) -> UUID:
        """The proposer."""
        return ProposedChange.objects.get(pk=subject_id).proposer_id

    def span(self, subject_id: UUID) -> Span | None:
        """None: a change comes about whole or not at all."""
        return None

    def is_sensitive(self, subject_id: UUID) -> bool:
        """As the kind says."""
        change = ProposedChange.objects.get(pk=subject_id)
        return kind_of(change.kind).is_sensitive(change)

    def obstacles(self, subject_id: UUID, now: datetime) -> Sequence[Obstacle]:
        """None: what stands in the way of a change is found when it is carried out, and told then."""
        return ()

    def on_decided(self, subject_id: UUID, *, outcome: str, actor: Actor, why: str, now: datetime) -> None:
        """Apply it, or end it as the route ended; tell the proposer."""
        change = ProposedChange.objects.get(pk=subject_id)
        if outcome == RouteState.APPROVED:
            carry_out(change, actor=actor, why=why, now=now)
        else:
            close(change, REFUSED[outcome], actor=actor, why=why, now=now)
        title = f"{change} is {change.get_state_display().lower()}"
        body = f"{kind_of(change.kind).title}: {change.subject_label}. {change.state_reason or why}".strip()
        _tell(change, Topic.OUTCOME, title, body, f"decided:{change.pk}", now)

    def on_returned(self, subject_id: UUID, *, actor: Actor, why: str, now: datetime) -> None:
        """The proposer is asked; the step waits for the answer."""
        change = ProposedChange.objects.get(pk=subject_id)
        once = f"returned:{change.pk}:{now.isoformat()}"
        _tell(change, Topic.WORK, f"{change} was returned with a question", why, once, now)

    def on_commented(self, subject_id: UUID, comment_id: UUID, said: Said, *, now: datetime) -> None:
        """The proposer reads it, unless it is theirs; so does whom it names."""
        change = ProposedChange.objects.get(pk=subject_id)
        own = same_human([said.by])
        told = dict.fromkeys({change.proposer_id} - own, f"{change} has a new comment")
        told |= dict.fromkeys(said.named - own, f"A comment on {change} names you")
        about, once = (ProposedChange.NOUN, change.pk), f"comment:{comment_id}"
        notify([Notice(pk, Topic.WORK, title, said.text, about, once) for pk, title in told.items()], now=now)

    def describe(self, subject_ids: Collection[UUID]) -> Mapping[UUID, Description]:
        """A sentence for each change: who proposes what."""
        changes = ProposedChange.objects.filter(pk__in=subject_ids).select_related("proposer")
        return {change.pk: _description(change) for change in changes}


def _description(change: ProposedChange) -> Description:
    kind = kind_of(change.kind)
    return Description(
        title=f"{change.proposer} proposes a change: {change.subject_label}",
        detail=f"{change}, {kind.title}",
        reference=str(change),
        url_name="change-detail",
        url_id=change.pk,
    )
