"""Steps about access, as the inbox and the open one show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse

from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.core import subjects
from governance.core.actor import Actor
from governance.core.subjects import Obstacle
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED
from governance.requests.models import RequestItem
from governance.requests.queries import sensitive
from governance.web import present
from governance.web.approvals import weighing
from governance.web.approvals.present import Detail, Marks, detail_of
from governance.web.requests.present import asked_term
from governance.web.shapes import Named, Point, Policy, Who

MOST_HELD = 50

Items = Mapping[UUID, RequestItem]


def items_of(steps: Iterable[ApprovalStep]) -> Items:
    """What each step is about, by the id of its subject, and of how many its request has; one query."""
    ids = [step.route.subject_id for step in steps if step.route.subject_kind == RequestItem.NOUN]
    related = (
        "entitlement__system",
        "policy_decision",
        "request__requester",
        "request__beneficiary",
        "request__purpose",
    )
    beside = RequestItem.objects.filter(request=OuterRef("request")).values("request").annotate(count=Count("pk"))
    items = RequestItem.objects.filter(pk__in=ids).select_related(*related)
    return {item.pk: item for item in items.annotate(of=Subquery(beside.values("count")))}


def part(item: RequestItem) -> str:
    """Which part of its request the item is, where there are others: "One of two items"."""
    of = getattr(item, "of", 1)
    return f"One of {present.number(of).lower()} items" if of > 1 else ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the inbox about access; `alone` says that it is not approved together with others."""

    template: ClassVar[str] = "approvals/_row.html"

    pk: UUID
    alone: bool
    url: str
    holder: Who
    entitlement: str
    system: str
    term: timedelta
    purpose: str
    risk: str
    ref: str
    part: str
    asked_at: datetime
    answered: bool
    claimed: str
    current: bool


def rows(steps: Sequence[ApprovalStep], marks: Marks) -> dict[UUID, Row]:
    """The lines of steps about access, by the step; they need `claimed_by`."""
    items = items_of(steps)
    alone = sensitive(items)
    return {
        step.pk: _row(step, items[step.route.subject_id], marks, alone=step.route.subject_id in alone)
        for step in steps
        if step.route.subject_id in items
    }


def _row(step: ApprovalStep, item: RequestItem, marks: Marks, *, alone: bool) -> Row:
    request, entitlement = item.request, item.entitlement
    return Row(
        pk=step.pk,
        alone=alone,
        url=reverse("approval-detail", args=[step.pk]),
        holder=present.who(request.beneficiary),
        entitlement=entitlement.name,
        system=entitlement.system.name,
        term=asked_term(request),
        purpose=request.purpose.name,
        risk=entitlement.risk,
        ref=str(request),
        part=part(item),
        asked_at=request.submitted_at,
        answered=step.pk in marks.answered,
        claimed=marks.claimed(step),
        current=step.pk == marks.current,
    )


@dataclass(frozen=True, slots=True)
class Item:
    """What would be leased."""

    entitlement: str
    system: str
    risk: str
    allows: str


@dataclass(frozen=True, slots=True)
class Other:
    """What the same request asks for besides, which is decided on its own."""

    entitlement: str
    state: str


@dataclass(frozen=True, slots=True)
class Access:
    """What is asked for, as its approver weighs it."""

    template: ClassVar[str] = "approvals/_access.html"
    tick: ClassVar[str] = "I have read the reason and the scope, and I answer for this access until it ends."
    kept_with: ClassVar[str] = "grant"

    ref: str
    url: str
    part: str
    others: Sequence[Other]
    asked_at: datetime
    asker: str
    asker_holds: bool
    holder: Who
    items: Sequence[Item]
    term: timedelta
    ends_at: datetime | None
    cap: timedelta
    purpose: Named
    justification: str
    obstacles: Sequence[Obstacle]
    policy: Policy
    assurance: str
    points: Sequence[Point]
    holdings: Sequence[str]


def detail(step: ApprovalStep, actor: Actor, now: datetime) -> Detail:
    """One request, with what the actor may do to it."""
    item = items_of([step])[step.route.subject_id]
    parties = [item.request.requester_id, item.request.beneficiary_id]
    return detail_of(step, _access(step, item, actor, now), parties, actor, now)


def _access(step: ApprovalStep, item: RequestItem, actor: Actor, now: datetime) -> Access:
    request, entitlement = item.request, item.entitlement
    held = list(_held(item, now))
    return Access(
        ref=str(request),
        url=reverse("request-detail", args=[request.pk]),
        part=part(item),
        others=list(_others(item)),
        asked_at=request.submitted_at,
        asker=request.requester.name,
        asker_holds=request.requester_id == request.beneficiary_id,
        holder=present.who(request.beneficiary),
        items=[Item(entitlement.name, entitlement.system.name, entitlement.risk, entitlement.description)],
        term=asked_term(request),
        ends_at=request.wanted_until,
        cap=item.policy_decision.latest_end - (request.starts_at or item.policy_decision.at),
        purpose=present.purpose(request.purpose),
        justification=request.justification,
        obstacles=subjects.decidable(RequestItem.NOUN).obstacles(item.pk, now) if step.state == StepState.OPEN else (),
        policy=_policy(item, actor, now),
        assurance=f"{request.requester.name} at assurance level {request.assurance}",
        points=weighing.points(item, held, actor, now),
        holdings=[f"{grant.entitlement}, to {present.on_day(grant.ends_at)}" for grant in held if grant.ends_at > now],
    )


def _policy(item: RequestItem, actor: Actor, now: datetime) -> Policy:
    """What policy said of the item."""
    decision = item.policy_decision
    return present.policy(decision, readable=present.readable_rules([decision], actor, now))


def _others(item: RequestItem) -> Iterable[Other]:
    rows = RequestItem.objects.filter(request=item.request_id).exclude(pk=item.pk).select_related("entitlement__system")
    return (Other(str(row.entitlement), row.state) for row in rows.order_by("pk"))


def _held(item: RequestItem, now: datetime) -> Iterable[Grant]:
    """What the holder has, and had of the same entitlement; newest first."""
    request = item.request
    grants = Grant.objects.filter(identity=request.beneficiary).exclude(state__in=NOT_STARTED)
    same = grants.filter(entitlement=item.entitlement_id)
    rows = (grants.live(now) | same).select_related("entitlement__system", "purpose")
    return rows.order_by("-number")[:MOST_HELD]
