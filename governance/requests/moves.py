"""What happens to a request and its items. Callers hold the request before its items, both before any route."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from governance.approvals import moves as approvals
from governance.approvals.models import ApprovalRoute
from governance.approvals.queries import shortened
from governance.approvals.states import RouteState
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.core.locking import locked_all
from governance.core.moves import move
from governance.core.subjects import Description, Obstacle, Said, Span
from governance.grants import moves as grants
from governance.grants.states import Basis
from governance.identities.models import Identity
from governance.identities.queries import accountable_owner, keepers, same_human
from governance.identities.states import Status
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.words import length, minute
from governance.purposes.models import Purpose
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.queries import parties, sensitive, taken_already
from governance.requests.states import ItemState, RequestState
from governance.separation.models import Mitigation
from governance.separation.queries import judge

POLICY = Actor.system("policy")


def approve_item(item: RequestItem, *, actor: Actor, why: str, now: datetime) -> None:
    """Carry a yes out: make the grant, or close the item with the reason why there can be none (rules 1, 6)."""
    request = item.request
    asked, less = Span(request.term, request.wanted_until), shortened(RequestItem.NOUN, item.pk)
    span = less or asked
    owner = accountable_owner("purpose", request.purpose_id, now)
    if owner is None:
        close_item(item, ItemState.CLOSED, actor=actor, why="Nobody active answers for the purpose.", now=now)
        return
    lease = grants.Lease(
        identity=request.beneficiary,
        entitlement=item.entitlement,
        purpose=request.purpose,
        owner=owner,
        requester=request.requester,
        decision=item.policy_decision,
        source=(RequestItem.NOUN, item.pk),
        term=span.term,
        until=span.until,
        starts_at=request.starts_at,
        renews=request.renews,
    )
    try:
        grants.approve(lease, basis=Basis.REQUEST, actor=actor, why=request.justification, now=now)
    except Conflict as conflict:
        hidden = conflict.code == "rule_06_overlap" and _is_anothers(request)
        said = taken_already(item.entitlement, request.beneficiary) if hidden else conflict.message
        close_item(item, ItemState.CLOSED, actor=actor, why=said, now=now)
        return
    if less is None:
        move(item, ItemState.APPROVED, actor=actor, why=why, now=now)
    else:
        said = f"Allowed {in_words(less)}, instead of {in_words(asked)}"
        move(item, ItemState.APPROVED_REDUCED, actor=actor, why=why, now=now, state_reason=said)
    settle(request, actor=actor, now=now)


def in_words(span: Span) -> str:
    """A span as a sentence says it: "for 8 hours", "until 30 Jun 2027 18:00 UTC"."""
    return f"until {minute(span.until)}" if span.until else f"for {length(span.term or timedelta())}"


def close_item(item: RequestItem, to: str, *, actor: Actor, why: str, now: datetime) -> None:
    """End an item without a grant, and with it the request once nothing is pending."""
    move(item, to, actor=actor, why=why, now=now, state_reason=why)
    settle(item.request, actor=actor, now=now)


def settle(request: AccessRequest, *, actor: Actor, now: datetime) -> None:
    """Close a request whose items all have their outcome, and tell the requester; also what is decided before.

    Where nobody answered in time for any of it, it is not decided but expired.
    """
    items = list(request.items.select_related("entitlement__system"))
    waiting = sum(item.state == ItemState.PENDING for item in items)
    if waiting:
        _tell_partly(request, items, waiting, now)
        return
    lapsed = all(item.state == ItemState.EXPIRED for item in items)
    to = RequestState.EXPIRED if lapsed else RequestState.DECIDED
    move(request, to, actor=actor, why="Every item has its outcome", now=now, closed_at=now)
    title, once = f"{request} {'has expired' if lapsed else 'is decided'}", f"decided:{request.pk}"
    _tell(request, Topic.OUTCOME, title, _outcomes(items), once, now)
    if _is_anothers(request):
        subject = (AccessRequest.NOUN, request.pk)
        notify([Notice(request.beneficiary_id, Topic.OUTCOME, title, _outcomes(items), subject, once)], now=now)


def _tell_partly(request: AccessRequest, items: Collection[RequestItem], waiting: int, now: datetime) -> None:
    """What became of some items while others wait. What policy says at once stands on the page that follows."""
    if request.submitted_at == now:
        return
    decided = [item for item in items if item.state != ItemState.PENDING]
    body = f"{_outcomes(decided)}; {waiting} still wait{'s' if waiting == 1 else ''}"
    _tell(request, Topic.OUTCOME, f"{request} is decided in part", body, f"partly:{request.pk}:{len(decided)}", now)


def _outcomes(items: Collection[RequestItem]) -> str:
    return "; ".join(f"{item.entitlement}: {item.get_state_display().lower()}" for item in items)


def _is_anothers(request: AccessRequest) -> bool:
    """Whether it asks for another person than the requester."""
    holder = request.beneficiary
    return not holder.is_machine and holder.human_id != request.requester.human_id


def tell_beneficiary(request: AccessRequest, *, now: datetime) -> None:
    """Somebody asks for another person, who may decline what waits, and hand back what they have been given."""
    if not _is_anothers(request):
        return
    items = list(request.items.select_related("entitlement__system"))
    given = [str(item.entitlement) for item in items if item.state == ItemState.APPROVED]
    may = [f"You have been given {', '.join(given)}; hand it back if you don't need it."] if given else []
    if any(item.state == ItemState.PENDING for item in items):
        may.append("You can decline what still waits." if given else "You can decline it.")
    title = f"{request.requester} asks for access for you"
    body = " ".join([f"{request} for {request.purpose}: {request.justification}", *may])
    subject = (AccessRequest.NOUN, request.pk)
    notify([Notice(request.beneficiary_id, Topic.WORK, title, body, subject, f"for:{request.pk}")], now=now)


def _tell_withdrawn(request: AccessRequest, to: str, actor: Actor, why: str, now: datetime) -> None:
    """Both learn that nothing comes of it, but for who did it or has left; for a machine identity its owner too."""
    verb = "withdrawn" if request.requester_id in actor.identity_ids else "declined"
    title = f"{actor.label} has {verb} {request}" if to == ItemState.WITHDRAWN else f"{request} is closed"
    people = [one for one in (request.requester, request.beneficiary) if one.state != Status.ENDED]
    told = {one.pk for one in people if one == request.requester or not one.is_machine}
    told |= {one.pk for one in keepers(people, now).values()}
    subject, once = (AccessRequest.NOUN, request.pk), f"withdrawn:{request.pk}"
    notify([Notice(pk, Topic.OUTCOME, title, why, subject, once) for pk in told - actor.identity_ids], now=now)


def _tell(request: AccessRequest, topic: Topic, title: str, body: str, once: str, now: datetime) -> None:
    """To the requester, and to the owner of a machine identity that asks or would hold it: it reads no inbox."""
    answerable = keepers([request.requester, request.beneficiary], now).values()
    people = {request.requester_id, *(one.pk for one in answerable)}
    subject = (AccessRequest.NOUN, request.pk)
    notify([Notice(pk, topic, title, body, subject, once) for pk in people], now=now)


def cancel_routes(items: Collection[RequestItem], *, actor: Actor, why: str, now: datetime) -> None:
    """Close the open routes of the items."""
    open_routes = ApprovalRoute.objects.filter(
        subject_kind=RequestItem.NOUN,
        subject_id__in=[item.pk for item in items],
        state=RouteState.OPEN,
    )
    for route in locked_all(open_routes):
        approvals.cancel(route, actor=actor, why=why, now=now)


def withdraw(request: AccessRequest, *, to: str, actor: Actor, why: str, now: datetime) -> None:
    """End a held request and whatever of it still waits, and say so."""
    items = locked_all(request.items.filter(state=ItemState.PENDING))
    cancel_routes(items, actor=actor, why=why, now=now)
    for item in items:
        move(item, to, actor=actor, why=why, now=now, state_reason=why)
    move(request, RequestState.WITHDRAWN, actor=actor, why=why, now=now, closed_at=now)
    _tell_withdrawn(request, to, actor, why, now)


class ItemSubject:
    """What approval routes call upward about a request item."""

    def lock(self, subject_id: UUID, identity_ids: Collection[UUID]) -> None:
        """Purpose and entitlement shared, then the beneficiary with the given identities, then request and item."""
        item = RequestItem.objects.select_related("request").get(pk=subject_id)
        locked_all(Purpose.objects.filter(pk=item.request.purpose_id), share=True)
        locked_all(Entitlement.objects.filter(pk=item.entitlement_id), share=True)
        locked_all(Identity.objects.filter(pk__in={item.request.beneficiary_id, *identity_ids}))
        locked_all(AccessRequest.objects.filter(pk=item.request_id))
        locked_all(RequestItem.objects.filter(pk=subject_id))

    def parties(self, subject_id: UUID, now: datetime) -> frozenset[UUID]:
        """Requester, beneficiary, and whoever owns the beneficiary: all identities of those humans (rule 2)."""
        request = AccessRequest.objects.get(items=subject_id)
        return parties(request.requester_id, request.beneficiary_id, now)

    def asker(self, subject_id: UUID) -> UUID:
        """The requester."""
        return AccessRequest.objects.get(items=subject_id).requester_id

    def span(self, subject_id: UUID) -> Span | None:
        """The term or the end that the request states."""
        request = AccessRequest.objects.get(items=subject_id)
        return Span(request.term, request.wanted_until, request.starts_at)

    def is_sensitive(self, subject_id: UUID) -> bool:
        """Whether it is among `queries.sensitive`."""
        return subject_id in sensitive([subject_id])

    def obstacles(self, subject_id: UUID, now: datetime) -> Sequence[Obstacle]:
        """What holding it would break by now (rule 7), and the live mitigation that covers it."""
        item = _loaded(subject_id)
        judged = judge(item.request.beneficiary, [item.entitlement_id], now)
        return [Obstacle(one.text, _covered(one.mitigation)) for one in judged.conflicts[item.entitlement_id]]

    def on_decided(self, subject_id: UUID, *, outcome: str, actor: Actor, why: str, now: datetime) -> None:
        """Carry the route's outcome out on the item."""
        item = _loaded(subject_id)
        if outcome == RouteState.APPROVED:
            approve_item(item, actor=actor, why=why, now=now)
        else:
            to = ItemState.EXPIRED if outcome == RouteState.EXPIRED else ItemState.REJECTED
            close_item(item, to, actor=actor, why=why, now=now)

    def on_returned(self, subject_id: UUID, *, actor: Actor, why: str, now: datetime) -> None:
        """The request waits for its requester's answer."""
        request = _loaded(subject_id).request
        if request.state == RequestState.IN_REVIEW:
            move(request, RequestState.RETURNED, actor=actor, why=why, now=now)
        _tell(
            request,
            Topic.WORK,
            f"{request} was returned with a question",
            why,
            f"returned:{request.pk}:{now.isoformat()}",
            now,
        )

    def on_commented(self, subject_id: UUID, comment_id: UUID, said: Said, *, now: datetime) -> None:
        """The requester reads it, unless it is theirs; so does whom it names."""
        request = _loaded(subject_id).request
        own = same_human([said.by])
        told = dict.fromkeys({request.requester_id} - own, f"{request} has a new comment")
        told |= dict.fromkeys(said.named - own, f"A comment on {request} names you")
        notify(
            [
                Notice(pk, Topic.WORK, title, said.text, (AccessRequest.NOUN, request.pk), f"comment:{comment_id}")
                for pk, title in told.items()
            ],
            now=now,
        )

    def describe(self, subject_ids: Collection[UUID]) -> Mapping[UUID, Description]:
        """A sentence for each item: who asks, for whom, for what."""
        items = RequestItem.objects.filter(pk__in=subject_ids).select_related(
            "entitlement__system", "request__requester", "request__beneficiary", "request__purpose"
        )
        return {item.pk: _description(item) for item in items}


def _covered(mitigation: Mitigation | None) -> str:
    return f"{mitigation} covers it until {minute(mitigation.ends_at)}" if mitigation else ""


def _loaded(item_id: UUID) -> RequestItem:
    related = ("entitlement__system", "request__beneficiary", "request__requester", "request__purpose")
    return RequestItem.objects.select_related(*related, "request__renews", "policy_decision").get(pk=item_id)


def _description(item: RequestItem) -> Description:
    request = item.request
    title = f"{request.beneficiary} asks for {item.entitlement}"
    if request.requester_id != request.beneficiary_id:
        title = f"{request.requester} asks for {item.entitlement}, for {request.beneficiary}"
    return Description(
        title=title,
        detail=f"{request} for {request.purpose}",
        reference=str(request),
        url_name="request-detail",
        url_id=request.pk,
    )
