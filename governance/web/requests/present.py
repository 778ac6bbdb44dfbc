"""Access requests as their pages show them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.forms import Form
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Question
from governance.approvals.states import StepState
from governance.core.actor import Actor
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.permissions import told
from governance.requests.models import AccessRequest, RequestDraft, RequestItem
from governance.requests.permissions import visible
from governance.requests.rules import DRAFTS_KEPT, UNEXPLAINED
from governance.requests.states import OPEN_REQUESTS, ItemState, RequestState
from governance.requests.suggesting import like
from governance.templatetags.leasehold import duration
from governance.web import present
from governance.web.requests.forms import MATES, ME, OWNED, LikeForm
from governance.web.shapes import Act, Named, Policy, Route, Who

Routes = Mapping[UUID, Sequence[ApprovalStep]]

GRANTED = frozenset({ItemState.APPROVED, ItemState.APPROVED_REDUCED})
REFUSED = frozenset({ItemState.REJECTED, ItemState.DENIED})


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    title: str
    ref: str
    url: str
    holder: Who
    asker: str
    purpose: str
    risk: str
    asked_at: datetime
    state: str
    note: str


def rows(requests: Sequence[AccessRequest], actor: Actor) -> list[Row]:
    """Requests of a list, with how far each has come; needs their names."""
    routes = routes_of([item.pk for request in requests for item in request.items.all()])
    return [_row(request, routes, actor) for request in requests]


def _row(request: AccessRequest, routes: Routes, actor: Actor) -> Row:
    items = request.items.all()
    return Row(
        title=title(items),
        ref=str(request),
        url=reverse("request-detail", args=[request.pk]),
        holder=present.who(request.beneficiary),
        asker="you" if request.requester_id in actor.identity_ids else request.requester.name,
        purpose=str(request.purpose),
        risk=present.heaviest(item.entitlement.risk for item in items),
        asked_at=request.submitted_at,
        state=shown_state(request),
        note=note(request, routes, actor),
    )


def shown_state(request: AccessRequest) -> str:
    """The request's state as a page says it: a decided one with the outcome, where all of its items have the same."""
    if request.state != RequestState.DECIDED:
        return request.state
    outcomes = {item.state for item in request.items.all()}
    if outcomes <= REFUSED:
        return "decided_rejected"
    return "decided_approved" if outcomes <= GRANTED else request.state


def title(items: Collection[RequestItem]) -> str:
    """What is asked for: "Read claims on Claims DB, and 2 more"."""
    first = next(iter(items))
    more = f", and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{first.entitlement}{more}"


def note(request: AccessRequest, routes: Routes, actor: Actor) -> str:
    """How far an open request has come, or what became of the items of a decided one."""
    items = request.items.all()
    if request.state == RequestState.DECIDED:
        return _outcomes(items)
    if request.state not in OPEN_REQUESTS:
        return ""
    waiting = [step for item in items for step in routes.get(item.pk, ()) if step.state == StepState.OPEN]
    if not waiting:
        return ""
    step = waiting[0]
    place = f"step {step.position} of {len(routes[step.route.subject_id])}"
    asked = present.step(step, actor).who
    return f"{place}, with {asked}"


def _outcomes(items: Collection[RequestItem]) -> str:
    """What became of each item, counted: "2 approved, 1 rejected"."""
    if len(items) == 1:
        plain = {ItemState.APPROVED, ItemState.REJECTED}
        return "".join(item.get_state_display() for item in items if item.state not in plain)
    words = [item.get_state_display().lower() for item in items]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


@dataclass(frozen=True, slots=True)
class Item:
    """One entitlement of a request, and what became of it."""

    entitlement: str
    system: str
    bundle: str
    risk: str
    term: timedelta
    granted_term: timedelta | None
    state: str
    reason: str
    grant_url: str
    grant_ref: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that was put aside."""

    pk: UUID
    said: str
    saved_at: datetime
    kept_until: datetime


def kept(drafts: Iterable[RequestDraft]) -> list[Kept]:
    """What has been put aside, by its first words."""
    return [
        Kept(one.pk, one.content.get("justification", "")[:80], one.saved_at, one.saved_at + DRAFTS_KEPT)
        for one in drafts
    ]


@dataclass(frozen=True, slots=True)
class Missing:
    """What a colleague holds and the holder does not. `closed` says why it can't be asked for."""

    id: UUID
    name: str
    system: str
    risk: str
    closed: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Two people, and what the one has before the other; how the form of a request names the other."""

    colleague: str
    holder: str
    rows: Sequence[Missing]
    group: str
    field: str
    holder_id: UUID

    @property
    def any_open(self) -> bool:
        """Whether any of it can be asked for."""
        return any(not row.closed for row in self.rows)


def likeness(form: LikeForm, actor: Actor, now: datetime) -> Compared | None:
    """What the form asks for, once it is whole."""
    if not form.is_valid():
        return None
    colleague, holder = form.cleaned_data["colleague"], form.cleaned_data["beneficiary"]
    found = like(colleague, holder, actor, now)
    rows = [
        Missing(one.entitlement.pk, one.entitlement.name, one.entitlement.system.name, one.entitlement.risk, one.closed)
        for one in found
    ]
    group, field = (OWNED, "identity") if holder.is_machine else (MATES, "mate")
    group = ME if holder.pk == actor.identity_id else group
    return Compared(colleague.name, holder.name, rows, group, field, holder.pk)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits for its answer."""

    pk: UUID
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """Something by its reference, and where it leads."""

    ref: str
    url: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One request in full."""

    pk: UUID
    ref: str
    title: str
    sentence: str
    state: str
    note: str
    question: Asked | None
    items: Sequence[Item]
    routes: Sequence[Route]
    asker: Who
    holder: Who
    purpose: Named
    justification: str
    asked_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    renews: Link | None
    others: Sequence[Link]
    policies: Sequence[Policy]


def detail(request: AccessRequest, question: Question | None, actor: Actor, now: datetime) -> Detail:
    """One request, with its route and what became of its items."""
    items = list(request.items.all())
    routes = routes_of([item.pk for item in items])
    grants = {grant.source_id: grant for grant in Grant.objects.filter(source_id__in=[item.pk for item in items])}
    return Detail(
        pk=request.pk,
        ref=str(request),
        title=title(items),
        sentence=_sentence(request),
        state=shown_state(request),
        note=note(request, routes, actor) if request.state in OPEN_REQUESTS else "",
        question=Asked(question.pk, question.asked_by.name, question.question) if question else None,
        items=[_item(item, grants.get(item.pk), request) for item in items],
        routes=[_route(item, routes[item.pk], actor, many=len(items) > 1) for item in items if routes.get(item.pk)],
        asker=present.who(request.requester),
        holder=present.who(request.beneficiary),
        purpose=present.purpose(request.purpose),
        justification=request.justification,
        asked_at=request.submitted_at,
        starts_at=request.starts_at,
        ends_at=request.wanted_until,
        renews=Link(str(request.renews), reverse("grant-detail", args=[request.renews.pk])) if request.renews else None,
        others=_asked_with(request, actor, now),
        policies=_policies(items, actor, now),
    )


def _asked_with(request: AccessRequest, actor: Actor, now: datetime) -> list[Link]:
    """The other requests that the same form has filed, as far as the actor may see them."""
    others = visible(actor, now).filter(form_token=request.form_token).exclude(pk=request.pk).order_by("number")
    return [Link(str(one), reverse("request-detail", args=[one.pk])) for one in others]


def _sentence(request: AccessRequest) -> str:
    if request.wanted_until:
        length = f"until {present.at_minute(request.wanted_until)}"
    else:
        length = f"for {duration(request.term)}"
    if request.requester_id == request.beneficiary_id:
        return f"{request.requester} asks to hold it {length}."
    return f"{request.requester} asks that {request.beneficiary} may hold it {length}."


def asked_term(request: AccessRequest) -> timedelta:
    """How long the lease is to be."""
    begins = request.starts_at or request.submitted_at
    return request.term or (request.wanted_until or begins) - begins


def _item(item: RequestItem, grant: Grant | None, request: AccessRequest) -> Item:
    term, cap = asked_term(request), item.policy_decision.cap
    return Item(
        entitlement=item.entitlement.name,
        system=item.entitlement.system.name,
        bundle=str(item.bundle_version) if item.bundle_version else "",
        risk=item.entitlement.risk,
        term=term,
        granted_term=cap if item.policy_decision.allowed and cap < term else None,
        state=item.state,
        reason="" if item.state_reason == UNEXPLAINED else item.state_reason,
        grant_url=reverse("grant-detail", args=[grant.pk]) if grant else "",
        grant_ref=str(grant) if grant else "",
    )


def _route(item: RequestItem, steps: Sequence[ApprovalStep], actor: Actor, *, many: bool) -> Route:
    return Route(
        item.entitlement.name if many else "",
        [present.step(step, actor) for step in steps],
        present.talk(steps, [item.request.requester_id, item.request.beneficiary_id], actor),
    )


def _policies(items: Sequence[RequestItem], actor: Actor, now: datetime) -> list[Policy]:
    """What policy said, item by item, in words for the actor."""
    several = len(items) > 1
    said = told([item.policy_decision for item in items], actor, now)
    readable = present.readable_rules(said.values(), actor, now)
    return [
        present.policy(said[item.policy_decision_id], item.entitlement.name if several else "", readable)
        for item in items
    ]


def withdrawal(request: AccessRequest, form: Form, actor: Actor) -> Act:
    """The form that takes a request back, or declines what somebody else asks for one; and what that does."""
    verb = "Withdraw" if request.requester_id in actor.identity_ids else "Decline"
    return Act(
        id="withdraw",
        verb=verb,
        title=f"{verb} {request}",
        text="Nobody is asked any more, and nothing is granted. The request stays on record.",
        url=reverse("request-withdraw", args=[request.pk]),
        back=reverse("request-detail", args=[request.pk]),
        form=form,
        tone="danger",
    )
