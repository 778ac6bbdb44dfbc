"""What the first page shows, in a number of queries that does not grow with what there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Min
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Question
from governance.approvals.permissions import inbox
from governance.core.actor import Actor
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED, OVER, UNPROVEN, GrantState
from governance.identities.models import Identity
from governance.identities.queries import identities_owned_by
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.queries import questions_for
from governance.web import present
from governance.web.approvals.present import Items, items_of
from governance.web.grants.present import Row as GrantRow
from governance.web.grants.present import row as grant_row
from governance.web.requests.present import note, title
from governance.web.shapes import Who

MOST = 12
"""Lines of each part before one has to go to its list."""

SOON = timedelta(days=7)
THIS_WEEK = timedelta(days=7)


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
    """A request on its way, or a lease that has ended."""

    title: str
    ref: str
    url: str
    state: str
    note: str = ""


def overview(actor: Actor, now: datetime) -> dict[str, Any]:
    """All parts of the page."""
    held = Grant.objects.filter(identity__in=actor.identity_ids).with_names()
    leases = list(held.exclude(state__in=[*OVER, *UNPROVEN]).filter(ends_at__gt=now).order_by("ends_at")[: MOST + 1])
    owned = identities_owned_by(actor.identity_ids, now)
    due = sorted(_due(actor, list(owned[: MOST + 1]), now), key=lambda task: task.at)
    return {
        "headline": _headline(due, now),
        "due": due,
        "leases": [grant_row(grant, now) for grant in leases[:MOST]],
        "leases_summary": _summary(leases, now),
        "owned": list(_owned(list(owned[:MOST]), now)),
        "requests": list(_requests(actor)),
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
    steps = list(
        inbox(actor).filter(route__subject_kind=RequestItem.NOUN).select_related("route").order_by("due_at")[:MOST]
    )
    items = items_of(steps)
    yield from (_decide(step, items) for step in steps)
    questions = questions_for(actor.identity_ids).select_related("asked_by").order_by("asked_at")[:MOST]
    asked = RequestItem.objects.filter(pk__in=[question.step.route.subject_id for question in questions])
    about = {item.pk: item for item in asked.select_related("request", "entitlement__system")}
    yield from (_answer(question, about[question.step.route.subject_id]) for question in questions)
    yield from _ending({*actor.identity_ids, *(one.pk for one in owned)}, now)


def _decide(step: ApprovalStep, items: Items) -> Task:
    item = items[step.route.subject_id]
    request, entitlement = item.request, item.entitlement
    text = f"Approval. {entitlement.get_risk_display()} risk, for {request.purpose.name}."
    where = reverse("approval-detail", args=[step.pk])
    return Task(step.due_at or request.submitted_at, f"{entitlement}, for {request.beneficiary}", text, where, "Decide")


def _answer(question: Question, item: RequestItem) -> Task:
    where = reverse("request-detail", args=[item.request_id])
    return Task(
        question.asked_at, f"{question.asked_by} asks about {item.entitlement}", question.question, where, "Answer"
    )


def _ending(identity_ids: set[UUID], now: datetime) -> Iterator[Task]:
    """Leases that end within the week, of the visitor and of what they own: a new one has to be asked for in time."""
    ending = Grant.objects.ending_within(now, SOON).filter(identity__in=identity_ids).with_names().order_by("ends_at")
    for grant in ending[:MOST]:
        if grant.ends_at - grant.starts_at >= SOON:
            text = f"{grant.identity} holds it for {grant.purpose.name}. To keep it, ask again."
            yield Task(
                grant.ends_at, f"{grant.entitlement} ends", text, reverse("grant-detail", args=[grant.pk]), "See grant"
            )


def _summary(leases: Sequence[Grant], now: datetime) -> str:
    """How many leases run, and when the next one ends."""
    if not leases:
        return ""
    count = f"More than {MOST} leases" if len(leases) > MOST else present.counted(len(leases), "lease")
    return f"{count}, the next ends {present.soon(leases[0].ends_at, now)}"


def _owned(identities: Sequence[Identity], now: datetime) -> Iterator[Who]:
    live = Grant.objects.live(now).filter(identity__in=[one.pk for one in identities])
    counts = {row["identity"]: row for row in live.values("identity").annotate(held=Count("pk"), next=Min("ends_at"))}
    for one in identities:
        row = counts.get(one.pk)
        two = (
            f"{present.counted(row['held'], 'grant')}, the next ends {present.soon(row['next'], now)}"
            if row
            else "No grant"
        )
        yield present.who(one, two)


def _requests(actor: Actor) -> Iterator[Line]:
    mine = list(
        AccessRequest.objects.open().filter(requester__in=actor.identity_ids).with_names().order_by("-number")[:MOST]
    )
    routes = routes_of([item.pk for request in mine for item in request.items.all()])
    for request in mine:
        where = reverse("request-detail", args=[request.pk])
        yield Line(title(request.items.all()), str(request), where, request.state, note(request, routes, actor))


def _ended(actor: Actor, now: datetime) -> list[GrantRow]:
    """Leases of the visitor that ended within the week, and whether the access is verified gone."""
    ended = Grant.objects.filter(identity__in=actor.identity_ids, ends_at__range=(now - THIS_WEEK, now))
    rows = ended.exclude(state__in=NOT_STARTED).exclude(state=GrantState.CANCELLED).with_names()
    return [grant_row(grant, now) for grant in rows.order_by("-ends_at")[:MOST]]
