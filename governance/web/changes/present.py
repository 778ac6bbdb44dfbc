"""Proposed changes as their pages show them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.forms import Form
from django.urls import reverse

from governance.approvals.models import ApprovalStep, Question
from governance.approvals.states import StepState
from governance.catalog.models import Bundle, Entitlement, System
from governance.catalog.permissions import visible_bundles, visible_entitlements, visible_systems
from governance.changes.kinds import Difference, kind_of
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.actor import Actor
from governance.evidence.queries import routes_of
from governance.policy.models import PolicyRuleVersion
from governance.policy.permissions import visible_versions
from governance.purposes.models import Purpose
from governance.purposes.permissions import visible as visible_purposes
from governance.separation.models import SeparationRuleVersion
from governance.separation.permissions import visible_versions as visible_separation
from governance.web import present
from governance.web.approvals.present import exchanges
from governance.web.shapes import Act, Exchange, Route, Who

Seen = Callable[[Actor, datetime], "QuerySet[Any]"]

SUBJECTS: Mapping[str, tuple[str, Seen]] = {
    System.NOUN: ("system-detail", visible_systems),
    Entitlement.NOUN: ("entitlement-detail", visible_entitlements),
    Purpose.NOUN: ("purpose-detail", visible_purposes),
    Bundle.NOUN: ("bundle-detail", visible_bundles),
    PolicyRuleVersion.NOUN: ("rule-version-by-id", visible_versions),
    SeparationRuleVersion.NOUN: ("separation-version-by-id", visible_separation),
}
"""Where what a change is about has its page, and who sees it, by the kind of the subject."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    title: str
    subject: str
    ref: str
    url: str
    proposer: Who
    reason: str
    proposed_at: datetime
    state: str
    note: str


def rows(changes: Sequence[ProposedChange], actor: Actor) -> list[Row]:
    """Changes of a list, with how far each has come; needs their proposers."""
    routes = routes_of([change.pk for change in changes], ProposedChange.NOUN)
    return [_row(change, routes, actor) for change in changes]


def _row(change: ProposedChange, routes: Mapping[UUID, Sequence[ApprovalStep]], actor: Actor) -> Row:
    return Row(
        title=kind_of(change.kind).title,
        subject=change.subject_label,
        ref=str(change),
        url=reverse("change-detail", args=[change.pk]),
        proposer=present.who(change.proposer),
        reason=change.reason,
        proposed_at=change.proposed_at,
        state=change.state,
        note=_note(change, routes.get(change.pk, ()), actor),
    )


def _note(change: ProposedChange, steps: Sequence[ApprovalStep], actor: Actor) -> str:
    """Whom an open change waits for."""
    waiting = [step for step in steps if step.state in {StepState.OPEN, StepState.RETURNED}]
    if change.state != ChangeState.PROPOSED or not waiting:
        return ""
    step = waiting[0]
    if step.state == StepState.RETURNED:
        return "returned with a question"
    return f"step {step.position} of {len(steps)}, with {present.step(step, actor).who}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits for its answer."""

    pk: UUID
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One change in full."""

    pk: UUID
    ref: str
    title: str
    subject: str
    subject_url: str
    proposer: Who
    reason: str
    proposed_at: datetime
    closed_at: datetime | None
    state: str
    note: str
    why: str
    differences: Sequence[Difference]
    compares: bool
    route: Route
    question: Asked | None
    questions: Sequence[Exchange]


def detail(change: ProposedChange, question: Question | None, actor: Actor, now: datetime) -> Detail:
    """One change, with its route and what was said about it."""
    kind = kind_of(change.kind)
    steps = routes_of([change.pk], ProposedChange.NOUN)[change.pk]
    return Detail(
        pk=change.pk,
        ref=str(change),
        title=kind.title,
        subject=change.subject_label,
        subject_url=_subject_url(change, actor, now),
        proposer=present.who(change.proposer),
        reason=change.reason,
        proposed_at=change.proposed_at,
        closed_at=change.closed_at,
        state=change.state,
        note=_note(change, steps, actor),
        why=change.state_reason,
        differences=list(kind.differences(change.before, change.payload)),
        compares=bool(change.before),
        route=Route(
            "", [present.step(step, actor) for step in steps], present.talk(steps, [change.proposer_id], actor)
        ),
        question=Asked(question.pk, question.asked_by.name, question.question) if question else None,
        questions=list(exchanges(ProposedChange.NOUN, change.pk, actor)),
    )


def _subject_url(change: ProposedChange, actor: Actor, now: datetime) -> str:
    """The page of what the change is about, for whoever sees it."""
    page, visible = SUBJECTS.get(change.subject_kind, ("", None))
    seen = visible is not None and visible(actor, now).filter(pk=change.subject_id).exists()
    return reverse(page, args=[change.subject_id]) if seen else ""


def withdrawal(change: ProposedChange, form: Form) -> Act:
    """The form that takes a change back, and what that does."""
    return Act(
        id="withdraw",
        verb="Withdraw",
        title=f"Withdraw {change}",
        text="Nobody is asked any more, and nothing changes. What was proposed stays on record.",
        url=reverse("change-withdraw", args=[change.pk]),
        back=reverse("change-detail", args=[change.pk]),
        form=form,
        tone="danger",
    )
