"""Who may see an access request, and who may withdraw or answer it."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRoute
from governance.approvals.permissions import visible as visible_steps
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.identities.queries import owned_ids
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.querysets import RequestQuerySet
from governance.requests.states import OPEN_REQUESTS

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS = frozenset({"withdraw", "answer"})


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


def can(actor: Actor, verb: str, request: AccessRequest) -> bool:
    """Whether the actor may do this to a request they can see."""
    return verb in VERBS and request.state in OPEN_REQUESTS and request.requester_id in actor.identity_ids


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> AccessRequest:
    """Take a request one may see and act on. Raises NotFound, Denied, or Conflict when it is decided already."""
    try:
        request = locked(AccessRequest.objects.filter(pk__in=visible(actor, now).values("pk")), pk)
    except AccessRequest.DoesNotExist:
        raise NotFound from None
    if verb not in VERBS or request.requester_id not in actor.identity_ids:
        msg = f"Only the requester may {verb} {request}."
        raise Denied(msg)
    if request.state not in OPEN_REQUESTS:
        msg = f"{request} is {request.get_state_display().lower()} already."
        raise Conflict(msg, code="already_decided")
    return request
