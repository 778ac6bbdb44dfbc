"""Approval steps as the inbox and the open request show them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse

from governance.approvals import permissions
from governance.approvals.models import ApprovalStep, Question
from governance.approvals.states import StepState
from governance.catalog.states import HIGH_RISKS
from governance.core import subjects
from governance.core.actor import Actor
from governance.core.stepup import stands
from governance.core.subjects import Obstacle
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED
from governance.requests.models import RequestItem
from governance.web import present
from governance.web.requests.present import asked_term
from governance.web.shapes import Exchange, Named, Point, Policy, Step, Talk, Who

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
    """A line of the inbox about access."""

    template: ClassVar[str] = "approvals/_row.html"

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
    current: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that are due at about the same time."""

    label: str
    rows: Sequence[Any]


def groups(steps: Sequence[ApprovalStep], lines: Mapping[UUID, Any], now: datetime) -> list[Group]:
    """The inbox by when each decision is due, soonest first; `lines` are the steps' by their ids."""
    found: dict[str, list[Any]] = {}
    for step in steps:
        found.setdefault(_due(step, now), []).append(lines[step.pk])
    return [Group(label, rows) for label, rows in found.items()]


def rows(steps: Sequence[ApprovalStep], done: Collection[UUID], current: UUID | None) -> dict[UUID, Row]:
    """The lines of steps about access, by the step; `done` are those whose question was answered."""
    items = items_of(steps)
    return {
        step.pk: _row(step, items[step.route.subject_id], answered=step.pk in done, current=step.pk == current)
        for step in steps
        if step.route.subject_id in items
    }


def answered(steps: Sequence[ApprovalStep]) -> set[UUID]:
    """The steps whose last question was answered; one query."""
    asked = Question.objects.filter(step__in=[step.pk for step in steps]).order_by("asked_at")
    last = dict(asked.values_list("step", "answered_at"))
    return {step for step, at in last.items() if at}


def _due(step: ApprovalStep, now: datetime) -> str:
    left = (step.due_at or now) - now
    if left <= timedelta():
        return "Overdue"
    if step.due_at and step.due_at.date() == now.date():
        return "Due today"
    return "This week" if left < timedelta(days=7) else "Later"


def _row(step: ApprovalStep, item: RequestItem, *, answered: bool, current: bool) -> Row:
    request, entitlement = item.request, item.entitlement
    return Row(
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
        answered=answered,
        current=current,
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


REASON_HINT = "Kept with the grant; required {}."


@dataclass(frozen=True, slots=True)
class Detail:
    """One request as its approver weighs it."""

    template: ClassVar[str] = "approvals/_detail.html"
    tick: ClassVar[str] = "I have read the reason and the scope, and I answer for this access until it ends."

    pk: UUID
    ref: str
    request_url: str
    part: str
    others: Sequence[Other]
    asked_at: datetime
    due_at: datetime | None
    due_tone: str
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
    questions: Sequence[Exchange]
    policy: Policy
    assurance: str
    steps: Sequence[Step]
    talk: Talk
    consents: bool
    points: Sequence[Point]
    holdings: Sequence[str]
    decidable: bool
    closed: str
    high_risk: bool
    reason_hint: str
    signed_in: str


def is_high(step: ApprovalStep, items: Items) -> bool:
    """Whether an approval needs a reason and a tick."""
    return items[step.route.subject_id].entitlement.risk in HIGH_RISKS


def _policy(item: RequestItem, actor: Actor, now: datetime) -> Policy:
    """What policy said of the item."""
    decision = item.policy_decision
    return present.policy(decision, readable=present.readable_rules([decision], actor, now))


def detail(step: ApprovalStep, items: Items, actor: Actor, now: datetime) -> Detail:
    """One open request, with what the actor may do to it."""
    item = items[step.route.subject_id]
    request, entitlement = item.request, item.entitlement
    decidable, high = permissions.can(actor, "approve", step, now), is_high(step, items)
    held = list(_held(item, now))
    route = routes_of([item.pk])[item.pk]
    return Detail(
        pk=step.pk,
        ref=str(request),
        request_url=reverse("request-detail", args=[request.pk]),
        part=part(item),
        others=list(_others(item)),
        asked_at=request.submitted_at,
        due_at=step.due_at if step.state == StepState.OPEN else None,
        due_tone=due_tone(step.due_at, now),
        asker=request.requester.name,
        asker_holds=request.requester_id == request.beneficiary_id,
        holder=present.who(request.beneficiary),
        items=[Item(entitlement.name, entitlement.system.name, entitlement.risk, entitlement.description)],
        term=asked_term(request),
        ends_at=request.wanted_until,
        cap=item.policy_decision.latest_end - item.policy_decision.at,
        purpose=present.purpose(request.purpose),
        justification=request.justification,
        obstacles=subjects.decidable(RequestItem.NOUN).obstacles(item.pk, now) if step.state == StepState.OPEN else (),
        questions=list(exchanges(RequestItem.NOUN, item.pk, actor)),
        policy=_policy(item, actor, now),
        assurance=f"{request.requester.name} at assurance level {request.assurance}",
        steps=[present.step(row, actor) for row in route],
        talk=present.talk(route, [request.requester_id, request.beneficiary_id], actor),
        consents=step.consents,
        points=_points(item, held),
        holdings=[f"{grant.entitlement}, to {present.on_day(grant.ends_at)}" for grant in held if grant.ends_at > now],
        decidable=decidable,
        closed="" if decidable else closed(step, actor),
        high_risk=high,
        reason_hint=REASON_HINT.format("at high risk" if high else "to reject or ask"),
        signed_in=signed_in(actor, now, confirms=high),
    )


def signed_in(actor: Actor, now: datetime, *, confirms: bool) -> str:
    """How strongly the visitor is signed in, and whether a yes asks for more."""
    words = f"Signed in at assurance level {actor.assurance}"
    return words if not confirms or stands(actor, now) else f"{words}. Approving asks for your second factor"


def due_tone(due_at: datetime | None, now: datetime) -> str:
    """A warning in the last day alone."""
    if due_at is None or due_at - now >= timedelta(days=1):
        return "note"
    return "bad" if due_at < now else "warn"


def exchanges(kind: str, subject_id: UUID, actor: Actor) -> Iterable[Exchange]:
    """What was asked about the subject and answered, oldest first."""
    asked = Question.objects.filter(step__route__subject_kind=kind, step__route__subject_id=subject_id)
    for row in asked.select_related("asked_by", "answered_by").order_by("asked_at"):
        yield Exchange(
            asker=present.called(row.asked_by, actor),
            question=row.question,
            asked_at=row.asked_at,
            answerer=present.called(row.answered_by, actor) if row.answered_by else "",
            answer=row.answer,
            answered_at=row.answered_at,
        )


def closed(step: ApprovalStep, actor: Actor) -> str:
    """Why the visitor can't decide the step."""
    if step.state == StepState.OPEN:
        return "You see this step, and others are asked to decide it."
    return permissions.already(step, actor)


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


def _points(item: RequestItem, held: Sequence[Grant]) -> list[Point]:
    """What is worth weighing, from the facts that the decision rests on."""
    request, entitlement = item.request, item.entitlement
    points = [_before(item, held)]
    if entitlement.privileged:
        points.append(Point("alert", "It can change what others rely on.", "Privileged.", "warn"))
    if request.beneficiary.is_machine:
        text = f"It acts unattended, in {request.beneficiary.get_environment_display().lower()}."
        points.append(Point("info", text, "A machine identity.", "note"))
    system = entitlement.system
    text = f"{system.get_risk_display()} risk tier."
    points.append(Point("info", text, f"{system.name} is {system.get_environment_display().lower()}.", "note"))
    return points


def _before(item: RequestItem, held: Sequence[Grant]) -> Point:
    same = next((grant for grant in held if grant.entitlement_id == item.entitlement_id), None)
    if same is None:
        return Point("eye", "No earlier lease of this is on record.", "New to the holder.", "warn")
    return Point("check", f"{same}, for {same.purpose}: {same.get_state_display().lower()}.", "Held before.", "ok")
