"""Who may see a proposed change, and who may take it back. Who decides it is a matter of its route."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRoute
from governance.approvals.permissions import visible as visible_steps
from governance.changes.kinds import known
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.identities.queries import owned_ids

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS: Mapping[str, str] = {"withdraw": "take it back", "answer": "answer a question about it"}


def visible(actor: Actor, now: datetime) -> "QuerySet[ProposedChange]":
    """What the actor proposed, is or was asked to decide, or whose subject they own; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return ProposedChange.objects.all()
    asked = visible_steps(actor).filter(route__subject_kind=ProposedChange.NOUN)
    seen = Q(proposer__in=actor.identity_ids) | Q(pk__in=asked.values("route__subject_id"))
    for kind in sorted({one.subject_kind for one in known().values()}):
        seen |= Q(subject_kind=kind, subject_id__in=owned_ids(kind, actor.identity_ids, now))
    return ProposedChange.objects.filter(seen)


def visible_routes(actor: Actor, now: datetime) -> "QuerySet[ApprovalRoute]":
    """The routes of all changes that the actor may see."""
    changes = visible(actor, now).values("pk")
    return ApprovalRoute.objects.filter(subject_kind=ProposedChange.NOUN, subject_id__in=changes)


def can(actor: Actor, verb: str, change: ProposedChange) -> bool:
    """Whether the actor may do this to a change they can see."""
    return verb in VERBS and change.state == ChangeState.PROPOSED and change.proposer_id in actor.identity_ids


def seen(actor: Actor, verb: str, pk: UUID, now: datetime) -> ProposedChange:
    """A change one may see and act on, not held. Raises NotFound, Denied, Conflict once it is decided."""
    change = visible(actor, now).filter(pk=pk).first()
    if change is None:
        raise NotFound
    _require(actor, verb, change)
    return change


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> ProposedChange:
    """The same, held."""
    try:
        change = locked(visible(actor, now), pk)
    except ProposedChange.DoesNotExist:
        raise NotFound from None
    _require(actor, verb, change)
    return change


def _require(actor: Actor, verb: str, change: ProposedChange) -> None:
    if verb not in VERBS or change.proposer_id not in actor.identity_ids:
        raise Denied(f"Only whoever proposed {change} may {VERBS.get(verb, verb)}.")
    if change.state != ChangeState.PROPOSED:
        raise Conflict(f"{change} is {change.get_state_display().lower()} already.", code="already_decided")
