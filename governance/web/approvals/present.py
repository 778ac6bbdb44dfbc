"""Approval steps as the inbox and the open one show them, whatever they are about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol
from uuid import UUID

from django.urls import reverse

from governance.approvals import permissions, queries
from governance.approvals.models import ApprovalStep, Question
from governance.approvals.rules import Asked
from governance.approvals.states import StepState
from governance.core.actor import Actor
from governance.core.stepup import stands
from governance.core.subjects import decidable
from governance.evidence.queries import routes_of
from governance.policy.words import length
from governance.web import present
from governance.web.shapes import Exchange, Step, Talk


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


SHORTER = tuple(
    timedelta(hours=hours) for hours in (180 * 24, 90 * 24, 60 * 24, 30 * 24, 14 * 24, 7 * 24, 3 * 24, 24, 8, 4, 1)
)
"""Terms that are offered for a yes to less; the API takes any."""


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


class About(Protocol):
    """What a step is about, as its approver weighs it: drawn by its own template, with what a tick says of it."""

    template: ClassVar[str]
    tick: ClassVar[str]
    kept_with: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Detail:
    """One step as its approver sees it."""

    pk: UUID
    about: About
    due_at: datetime | None
    due_tone: str
    questions: Sequence[Exchange]
    steps: Sequence[Step]
    talk: Talk
    consents: bool
    doing: Doing
    decidable: bool
    closed: str
    sensitive: bool
    reason_hint: str
    signed_in: str


def detail_of(step: ApprovalStep, about: About, parties: Sequence[UUID], actor: Actor, now: datetime) -> Detail:
    """A step with what the actor may do to it; the first of the parties is whoever asked."""
    kind, subject_id = step.route.subject_kind, step.route.subject_id
    asked = permissions.asked_as(actor, step, now)
    sensitive = decidable(kind).is_sensitive(subject_id)
    route = routes_of([subject_id], kind)[subject_id]
    return Detail(
        pk=step.pk,
        about=about,
        due_at=step.due_at if step.state == StepState.OPEN else None,
        due_tone=due_tone(step.due_at, now),
        questions=list(exchanges(kind, subject_id, actor)),
        steps=[present.step(row, actor) for row in route],
        talk=present.talk(route, parties, actor),
        consents=step.consents,
        doing=_doing(step, asked, actor, now),
        decidable=asked is not None,
        closed="" if asked else closed(step, actor),
        sensitive=sensitive,
        reason_hint=f"Kept with the {about.kept_with}; required{'' if sensitive else ' to reject or ask'}.",
        signed_in=signed_in(actor, now, confirms=sensitive),
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
    rows = queries.files_of(step.route_id).select_related("decision__decider")
    return [
        FileLine(
            name=row.name,
            giver=row.decision.decider.name if row.decision.decider else "",
            at=row.decision.at,
            url=reverse("approval-file", args=[step.pk, row.decision_id]),
        )
        for row in rows.order_by("decision__at")
    ]


def _doing(step: ApprovalStep, asked: Asked | None, actor: Actor, now: datetime) -> Doing:
    """What a visitor may do with a step besides deciding it; `asked` is as whom they decide it, if they may."""
    claimed = step.claimed_by if step.state == StepState.OPEN and step.claimed_at(now) else None
    mine = claimed is not None and claimed.pk in actor.identity_ids
    until = f"until {present.at_minute(step.claimed_until)}" if step.claimed_until else ""
    who = "You look at this" if mine else f"{claimed.name} looks at this" if claimed else ""
    return Doing(
        claim=f"{who}, {until}" if claimed else "",
        claim_url=reverse("approval-claim", args=[step.pk]) if asked and not claimed else "",
        release_url=reverse("approval-release", args=[step.pk]) if asked and mine else "",
        reassign_url=_reassign_url(step, asked),
        escalated=f"Escalated {present.at_minute(step.escalated_at)}" if step.escalated_at else "",
        files=_files(step),
    )


def _reassign_url(step: ApprovalStep, asked: Asked | None) -> str:
    """Where the step is handed on, by those who can."""
    may = asked is not None and not queries.cannot_give(step, asked)
    return reverse("approval-reassign", args=[step.pk]) if may else ""


def lengths(step: ApprovalStep, now: datetime) -> list[tuple[str, str]]:
    """What a yes to the step may be cut to, the longest first; nothing where it can't be cut."""
    allowed = queries.allowed(step.route)
    if allowed is None:
        return []
    if allowed.until is not None:
        begins = max(step.route.opened_at, allowed.starts_at or step.route.opened_at)
        ends = [end for term in SHORTER if max(now, begins) < (end := begins + term) < allowed.until]
        fitting = [(end.isoformat(), f"Until {present.at_minute(end)}") for end in ends]
        return [("", f"Until {present.at_minute(allowed.until)}, all that may be"), *fitting]
    term = allowed.term or timedelta()
    shorter = [(str(int(one.total_seconds())), length(one)) for one in SHORTER if one < term]
    return [("", f"{length(term)}, all that may be"), *shorter]


def closed(step: ApprovalStep, actor: Actor) -> str:
    """Why the visitor can't decide the step."""
    if step.state == StepState.OPEN:
        return "You see this step, and others are asked to decide it."
    return permissions.already(step, actor)
