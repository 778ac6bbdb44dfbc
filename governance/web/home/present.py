"""What the first page shows, in a number of queries that does not grow with what there is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Count, F, Min, Q, QuerySet, When
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Question
from governance.approvals.permissions import inbox
from governance.changes.queries import questions_for as changes_asked
from governance.core.actor import Actor
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.queries import renewed
from governance.grants.states import NOT_STARTED, OVER, UNPROVEN, GrantState
from governance.identities.models import Identity
from governance.identities.queries import identities_owned_by, owned_ids
from governance.identities.states import OwnerRole
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.permissions import renewal_refusals
from governance.requests.queries import questions_for
from governance.requests.querysets import RequestQuerySet
from governance.requests.rules import UNEXPLAINED
from governance.requests.states import OPEN_REQUESTS
from governance.web import present
from governance.web.approvals.items import Items, items_of
from governance.web.approvals.proposals import Changes, changes_of
from governance.web.grants.present import causes_of_end
from governance.web.grants.present import row as grant_row
from governance.web.requests.present import note, shown_state, title
from governance.web.shapes import Who

MOST = 12
"""Lines of each part before one has to go to its list."""

SOON = timedelta(days=7)
THIS_WEEK = timedelta(days=7)
LATELY = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Task:
    """Something that needs the visitor, and when."""

    at: datetime
    title: str
    text: str
    url: str
    verb: str


@dataclass(frozen=True, slots=True)
class Line:
    """A request on its way."""

    title: str
    ref: str
    url: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request that is over: what became of it, when, and why."""

    title: str
    ref: str
    url: str
    state: str
    note: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A lease that is over, by what, and whether the access is verified gone."""

    title: str
    url: str
    state: str
    at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Owned:
    """Identities that the visitor answers for in one way."""

    label: str
    identities: Sequence[Who]


def overview(actor: Actor, now: datetime) -> dict[str, Any]:
    """All parts of the page."""
    held = Grant.objects.filter(identity__in=actor.identity_ids).with_names()
    leases = list(held.exclude(state__in=[*OVER, *UNPROVEN]).filter(ends_at__gt=now).order_by("ends_at")[: MOST + 1])
    owned = list(_answered_for(actor, now)[: MOST + 1])
    due = sorted(_due(actor, owned, now), key=lambda task: task.at)
    return {
        "headline": _headline(due, now),
        "due": due,
        "leases": [grant_row(grant, now) for grant in leases[:MOST]],
        "leases_summary": _summary(leases, now),
        "owned": list(_owned(owned[:MOST], now)),
        "requests": list(_requests(actor)),
        "decided": list(_decided(actor, now)),
        "ended": _ended(actor, now),
    }


def _headline(due: Sequence[Task], now: datetime) -> str:
    if not due:
        return "Nothing needs you today"
    today = sum(1 for task in due if task.at.date() <= now.date())
    noun, verb = ("thing", "needs") if len(due) == 1 else ("things", "need")
    first = f"{present.number(len(due))} {noun} {verb} you"
    return f"{first}, {present.number(today).lower()} today" if today and today < len(due) else first


def _due(actor: Actor, owned: Sequence[Identity], now: datetime) -> Iterator[Task]:
    steps = list(inbox(actor).select_related("route").order_by("due_at")[:MOST])
    items, changes = items_of(steps), changes_of(steps)
    for step in steps:
        yield _decide(step, items) if step.route.subject_id in items else _judge(step, changes)
    for question in changes_asked(actor.identity_ids)[:MOST]:
        yield _explain(question)
    questions = questions_for(actor.identity_ids).select_related("asked_by").order_by("asked_at")[:MOST]
    asked = RequestItem.objects.filter(pk__in=[question.step.route.subject_id for question in questions])
    about = {item.pk: item for item in asked.select_related("request", "entitlement__system")}
    yield from (_answer(question, about[question.step.route.subject_id]) for question in questions)
    yield from _ending(actor, {*actor.identity_ids, *(one.pk for one in owned)}, now)


def _decide(step: ApprovalStep, items: Items) -> Task:
    item = items[step.route.subject_id]
    request, entitlement = item.request, item.entitlement
    text = f"Approval. {entitlement.get_risk_display()} risk, for {request.purpose.name}."
    where = reverse("approval-detail", args=[step.pk])
    return Task(step.due_at or request.submitted_at, f"{entitlement}, for {request.beneficiary}", text, where, "Decide")


def _judge(step: ApprovalStep, changes: Changes) -> Task:
    """A change that waits for the visitor's decision."""
    change = changes[step.route.subject_id]
    text = f"Approval. {change.proposer} proposes it: {change.reason}"
    where = reverse("approval-detail", args=[step.pk])
    return Task(step.due_at or change.proposed_at, f"Change of {change.subject_label}", text, where, "Decide")


def _explain(question: Question) -> Task:
    """A question about a change that the visitor proposed."""
    route = question.step.route
    where = reverse("change-detail", args=[route.subject_id])
    return Task(
        question.asked_at, f"{question.asked_by} asks about {route.subject_label}", question.question, where, "Answer"
    )


def _answer(question: Question, item: RequestItem) -> Task:
    where = reverse("request-detail", args=[item.request_id])
    return Task(
        question.asked_at, f"{question.asked_by} asks about {item.entitlement}", question.question, where, "Answer"
    )


def _ending(actor: Actor, identity_ids: set[UUID], now: datetime) -> Iterator[Task]:
    """Leases that end within the week, of the visitor and of what they own, and go on by no renewal yet."""
    ending = Grant.objects.ending_within(now, SOON).filter(identity__in=identity_ids)
    long = ending.filter(~renewed(), ends_at__gte=F("starts_at") + SOON)
    grants = list(long.with_names().order_by("ends_at")[:MOST])
    refused = renewal_refusals(actor, grants, now)
    for grant in grants:
        held, title = f"{grant.identity} holds it for {grant.purpose.name}.", f"{grant.entitlement} ends"
        if grant.pk in refused:
            yield Task(grant.ends_at, title, held, reverse("grant-detail", args=[grant.pk]), "See grant")
        else:
            where = reverse("grant-renew", args=[grant.pk])
            yield Task(grant.ends_at, title, f"{held} Renew it to keep it.", where, "Renew it")


def _summary(leases: Sequence[Grant], now: datetime) -> str:
    """How many leases run, and when the next one ends."""
    if not leases:
        return ""
    count = f"More than {MOST} leases" if len(leases) > MOST else present.counted(len(leases), "lease")
    return f"{count}, the next ends {present.soon(leases[0].ends_at, now)}"


def _answered_for(actor: Actor, now: datetime) -> "QuerySet[Identity]":
    """Machine and external identities of the visitor, `backup` where they only stand in; those last."""
    main = owned_ids("identity", actor.identity_ids, now).exclude(role=OwnerRole.BACKUP_OWNER)
    backup = Case(When(pk__in=main, then=False), default=True, output_field=BooleanField())
    return identities_owned_by(actor.identity_ids, now).annotate(backup=backup).order_by("backup", "name")


def _owned(identities: Sequence[Identity], now: datetime) -> Iterator[Owned]:
    live = Grant.objects.live(now).filter(identity__in=[one.pk for one in identities])
    counts = {row["identity"]: row for row in live.values("identity").annotate(held=Count("pk"), next=Min("ends_at"))}
    for backup, label in ((False, "As owner"), (True, "As backup owner")):
        lines = [
            present.who(one, _holds(counts.get(one.pk), now))
            for one in identities
            if getattr(one, "backup", False) == backup
        ]
        if lines:
            yield Owned(label, lines)


def _holds(counted: Mapping[str, Any] | None, now: datetime) -> str:
    """How many grants an identity has, and when the next one ends."""
    if counted is None:
        return "No grant"
    return f"{present.counted(counted['held'], 'grant')}, the next ends {present.soon(counted['next'], now)}"


def _of(actor: Actor) -> "RequestQuerySet[AccessRequest]":
    """Requests made by or for the visitor."""
    mine = Q(requester__in=actor.identity_ids) | Q(beneficiary__in=actor.identity_ids)
    return AccessRequest.objects.filter(mine).with_names()


def _requests(actor: Actor) -> Iterator[Line]:
    mine = list(_of(actor).open().order_by("-number")[:MOST])
    routes = routes_of([item.pk for request in mine for item in request.items.all()])
    for request in mine:
        where = reverse("request-detail", args=[request.pk])
        yield Line(title(request.items.all()), str(request), where, request.state, note(request, routes, actor))


def _decided(actor: Actor, now: datetime) -> Iterator[Outcome]:
    """Requests that came to their end within two weeks, whatever it was: nobody has to look for what became of one."""
    over = _of(actor).exclude(state__in=OPEN_REQUESTS).filter(closed_at__gt=now - LATELY)
    for request in over.order_by("-closed_at")[:MOST]:
        yield Outcome(
            title=title(request.items.all()),
            ref=str(request),
            url=reverse("request-detail", args=[request.pk]),
            state=shown_state(request),
            note=note(request, {}, actor),
            at=request.closed_at,
            why=_why(request),
        )


def _why(request: AccessRequest) -> str:
    """The reasons for which items got no grant, each once; nothing where all did."""
    said = [item.state_reason for item in request.items.all() if item.state_reason not in {"", UNEXPLAINED}]
    return " ".join(dict.fromkeys(said))


def _ended(actor: Actor, now: datetime) -> list[Ended]:
    """Leases of the visitor that ended within the week: by what, and whether the access is verified gone."""
    ended = Grant.objects.filter(identity__in=actor.identity_ids, ends_at__range=(now - THIS_WEEK, now))
    rows = ended.exclude(state__in=NOT_STARTED).exclude(state=GrantState.CANCELLED).with_names()
    grants = list(rows.order_by("-ends_at")[:MOST])
    causes = causes_of_end(grants, actor)
    return [
        Ended(
            title=str(grant.entitlement),
            url=reverse("grant-detail", args=[grant.pk]),
            state=present.shown_state(grant, now),
            at=grant.ends_at,
            cause=causes[grant.pk],
        )
        for grant in grants
    ]
