"""Who may see an access request, who may withdraw or answer it, who may renew a lease, and whose a draft is."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRoute
from governance.approvals.permissions import visible as visible_steps
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.grants.models import Grant
from governance.identities.queries import answerable_for, owned_ids
from governance.requests.models import AccessRequest, RequestDraft, RequestItem
from governance.requests.queries import beneficiaries
from governance.requests.querysets import RequestQuerySet
from governance.requests.rules import renewal_problem
from governance.requests.states import OPEN_REQUESTS, DraftState

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS = frozenset({"withdraw", "answer"})
DRAFT_CLOSED = "already_closed"
"""The code of what is refused because a draft has been closed."""
NOT_THEIRS = "Only whoever could ask for it renews it: its holder, a teammate, the owner of a machine identity."


def visible(actor: Actor, now: datetime) -> "RequestQuerySet[AccessRequest]":
    """Requests made by or for the actor or what they own, and those they are asked to decide."""
    if actor.has(*SEES_ALL):
        return AccessRequest.objects.all()
    mine = actor.identity_ids
    asked = visible_steps(actor).filter(route__subject_kind=RequestItem.NOUN)
    items = RequestItem.objects.filter(pk__in=asked.values("route__subject_id"))
    return AccessRequest.objects.filter(
        Q(requester__in=mine)
        | Q(beneficiary__in=mine)
        | Q(beneficiary__in=owned_ids("identity", mine, now))
        | Q(pk__in=items.values("request")),
    )


def visible_routes(actor: Actor, now: datetime) -> "QuerySet[ApprovalRoute]":
    """The routes of all items of requests that the actor may see: what is said about them is read there."""
    items = RequestItem.objects.filter(request__in=visible(actor, now).values("pk"))
    return ApprovalRoute.objects.filter(subject_kind=RequestItem.NOUN, subject_id__in=items.values("pk"))


def can(actor: Actor, verb: str, request: AccessRequest, now: datetime) -> bool:
    """Whether the actor may do this to a request they can see."""
    return request.state in OPEN_REQUESTS and refusal(actor, verb, request, now) is None


def refusal(actor: Actor, verb: str, request: AccessRequest, now: datetime) -> str | None:
    """Why the actor may not do this to a request they can see, in words. Anyone may refuse what is to be theirs.

    A machine identity's owners answer for it: they refuse in its place, and answer where it asked.
    """
    mine = actor.identity_ids
    if verb == "withdraw":
        theirs = not mine.isdisjoint({request.requester_id, request.beneficiary_id})
        if theirs or mine & answerable_for(request.beneficiary_id, now):
            return None
        return f"Only the requester, or whoever would hold it or answers for that, may withdraw {request}."
    if verb in VERBS and (request.requester_id in mine or _asks_in_place_of(mine, request, now)):
        return None
    return f"Only the requester may {verb} {request}."


def _asks_in_place_of(mine: frozenset[UUID], request: AccessRequest, now: datetime) -> bool:
    """Whether a machine identity asked for which one of these answers."""
    return request.requester.is_machine and not mine.isdisjoint(answerable_for(request.requester_id, now))


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> AccessRequest:
    """Take a request one may see and act on. Raises NotFound, Denied, or Conflict when it is decided already."""
    try:
        request = locked(AccessRequest.objects.filter(pk__in=visible(actor, now).values("pk")), pk)
    except AccessRequest.DoesNotExist:
        raise NotFound from None
    if reason := refusal(actor, verb, request, now):
        raise Denied(reason)
    if request.state not in OPEN_REQUESTS:
        msg = f"{request} is {request.get_state_display().lower()} already."
        raise Conflict(msg, code="already_decided")
    return request


def renewal_refusals(actor: Actor, grants: Collection[Grant], now: datetime) -> Mapping[UUID, Denied | Conflict]:
    """Why the actor can't ask that grants they can see go on, by grant; what can be renewed is left out. One query.

    Denied is whoever may not ask for it, Conflict a lease that can't be renewed.
    """
    holders = {grant.identity_id for grant in grants}
    open_to = set(beneficiaries(actor, now).filter(pk__in=holders).values_list("pk", flat=True))
    found: dict[UUID, Denied | Conflict] = {}
    for grant in grants:
        if grant.identity_id not in open_to:
            found[grant.pk] = Denied(NOT_THEIRS)
        elif problem := renewal_problem(grant.state, grant.basis, grant.ends_at, now):
            found[grant.pk] = Conflict(problem, code="not_renewable")
    return found


def require_renewable(actor: Actor, grant: Grant, now: datetime) -> None:
    """Raise Denied or Conflict, as `renewal_refusals` has it."""
    if refusal := renewal_refusals(actor, [grant], now).get(grant.pk):
        raise refusal


def visible_drafts(actor: Actor) -> "QuerySet[RequestDraft]":
    """What the actor has put aside, and nobody else's: it asks for nothing yet."""
    return RequestDraft.objects.filter(requester__in=actor.identity_ids)


def lock_draft(actor: Actor, pk: UUID) -> RequestDraft:
    """Take a draft of one's own. Raises NotFound, and Conflict for one that is closed."""
    try:
        draft = locked(visible_drafts(actor), pk)
    except RequestDraft.DoesNotExist:
        raise NotFound from None
    if draft.state != DraftState.KEPT:
        raise Conflict(f"This draft is {draft.get_state_display().lower()} already.", code=DRAFT_CLOSED)
    return draft
