"""Approval steps as the inbox and the open request show them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse

from governance.approvals import permissions, queries
from governance.approvals.models import ApprovalStep, DecisionFile, Question
from governance.approvals.states import StepState
from governance.catalog.states import HIGH_RISKS
from governance.core import subjects
from governance.core.actor import Actor
from governance.core.stepup import stands
from governance.core.subjects import Obstacle
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED
from governance.policy.words import length
from governance.requests.models import RequestItem
from governance.web import present
from governance.web.approvals import weighing
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

    pk: UUID
    high: bool
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


@dataclass(frozen=True, slots=True)
class Marks:
    """What marks lines of the inbox: the steps whose question was answered, the one that is opened, and the moment."""

    answered: Collection[UUID]
    current: UUID | None
    now: datetime

    def claimed(self, step: ApprovalStep) -> str:
        """Who says that they look at the step."""
        return step.claimed_by.name if step.claimed_by and step.claimed_at(self.now) else ""


def rows(steps: Sequence[ApprovalStep], marks: Marks) -> dict[UUID, Row]:
    """The lines of steps about access, by the step; they need `claimed_by`."""
    items = items_of(steps)
    return {
        step.pk: _row(step, items[step.route.subject_id], marks) for step in steps if step.route.subject_id in items
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


def _row(step: ApprovalStep, item: RequestItem, marks: Marks) -> Row:
    request, entitlement = item.request, item.entitlement
    return Row(
        pk=step.pk,
        high=entitlement.risk in HIGH_RISKS,
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


SHORTER = tuple(
    timedelta(hours=hours) for hours in (180 * 24, 90 * 24, 60 * 24, 30 * 24, 14 * 24, 7 * 24, 3 * 24, 24, 8, 4, 1)
)
"""Terms that are offered for a yes to less; the API takes any."""

REASON_HINT = "Kept with the grant; required {}."


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file that a decision rests on."""

    name: str
    giver: str
    at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class Doing:
    """What else can be done with an open step, and who says that they look at it; no address, no such thing.

    `files` are those that decisions on its route rest on.
    """

    claim: str
    claim_url: str
    release_url: str
    reassign_url: str
    escalated: str
    files: Sequence[FileLine]


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
    doing: Doing
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
    held, route = list(_held(item, now)), routes_of([item.pk])[item.pk]
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
        cap=item.policy_decision.latest_end - (request.starts_at or item.policy_decision.at),
        purpose=present.purpose(request.purpose),
        justification=request.justification,
        obstacles=subjects.decidable(RequestItem.NOUN).obstacles(item.pk, now) if step.state == StepState.OPEN else (),
        questions=list(exchanges(RequestItem.NOUN, item.pk, actor)),
        policy=_policy(item, actor, now),
        assurance=f"{request.requester.name} at assurance level {request.assurance}",
        steps=[present.step(row, actor) for row in route],
        talk=present.talk(route, [request.requester_id, request.beneficiary_id], actor),
        consents=step.consents,
        points=weighing.points(item, held, actor, now),
        doing=doing(step, actor, now, may=decidable),
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


def _files(step: ApprovalStep) -> list[FileLine]:
    """The files that the decisions of the step's route rest on, oldest first; one query."""
    rows = DecisionFile.objects.filter(decision__step__route=step.route_id).select_related("decision__decider")
    return [
        FileLine(
            name=row.name,
            giver=row.decision.decider.name if row.decision.decider else "",
            at=row.decision.at,
            url=reverse("approval-file", args=[step.pk, row.decision_id]),
        )
        for row in rows.order_by("decision__at")
    ]


def doing(step: ApprovalStep, actor: Actor, now: datetime, *, may: bool) -> Doing:
    """What a visitor who may decide a step may do with it besides."""
    claimed = step.claimed_by if step.state == StepState.OPEN and step.claimed_at(now) else None
    mine = claimed is not None and claimed.pk in actor.identity_ids
    until = f"until {present.at_minute(step.claimed_until)}" if step.claimed_until else ""
    who = "You look at this" if mine else f"{claimed.name} looks at this" if claimed else ""
    return Doing(
        claim=f"{who}, {until}" if claimed else "",
        claim_url=reverse("approval-claim", args=[step.pk]) if may and not claimed else "",
        release_url=reverse("approval-release", args=[step.pk]) if may and mine else "",
        reassign_url=reverse("approval-reassign", args=[step.pk]) if may and not queries.stays(step) else "",
        escalated=f"Escalated {present.at_minute(step.escalated_at)}" if step.escalated_at else "",
        files=_files(step),
    )


def lengths(step: ApprovalStep, now: datetime) -> list[tuple[str, str]]:
    """What a yes to the step may be cut to, the longest first; nothing where it can't be cut."""
    allowed = queries.allowed(step.route)
    if allowed is None:
        return []
    if allowed.until is not None:
        ends = [step.route.opened_at + term for term in SHORTER]
        fitting = [(end.isoformat(), f"Until {present.at_minute(end)}") for end in ends if now < end < allowed.until]
        return [("", f"Until {present.at_minute(allowed.until)}, all that may be"), *fitting]
    term = allowed.term or timedelta()
    shorter = [(str(int(one.total_seconds())), length(one)) for one in SHORTER if one < term]
    return [("", f"{length(term)}, all that may be"), *shorter]


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
