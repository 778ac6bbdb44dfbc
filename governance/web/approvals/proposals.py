"""Steps about proposed changes, as the inbox and the open one show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.urls import reverse

from governance.approvals import permissions
from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.changes.kinds import Difference, kind_of
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.evidence.queries import routes_of
from governance.web import present
from governance.web.approvals.present import (
    Doing,
    Marks,
    closed,
    doing,
    due_tone,
    exchanges,
    signed_in,
)
from governance.web.shapes import Exchange, Step, Talk, Who

Changes = Mapping[UUID, ProposedChange]


def changes_of(steps: Iterable[ApprovalStep]) -> Changes:
    """The change that each step is about, by the id of its subject; one query."""
    ids = [step.route.subject_id for step in steps if step.route.subject_kind == ProposedChange.NOUN]
    return {change.pk: change for change in ProposedChange.objects.filter(pk__in=ids).select_related("proposer")}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the inbox about a change."""

    template: ClassVar[str] = "approvals/_change_row.html"

    url: str
    holder: Who
    title: str
    subject: str
    ref: str
    asked_at: datetime
    answered: bool
    claimed: str
    current: bool


def rows(steps: Sequence[ApprovalStep], marks: Marks) -> dict[UUID, Row]:
    """The lines of steps about changes, by the step; they need `claimed_by`."""
    changes = changes_of(steps)
    return {
        step.pk: _row(step, changes[step.route.subject_id], marks) for step in steps if step.route.subject_id in changes
    }


def _row(step: ApprovalStep, change: ProposedChange, marks: Marks) -> Row:
    return Row(
        url=reverse("approval-detail", args=[step.pk]),
        holder=present.who(change.proposer),
        title=kind_of(change.kind).title,
        subject=change.subject_label,
        ref=str(change),
        asked_at=change.proposed_at,
        answered=step.pk in marks.answered,
        claimed=marks.claimed(step),
        current=step.pk == marks.current,
    )


@dataclass(frozen=True, slots=True)
class Detail:
    """One change as its approver weighs it."""

    template: ClassVar[str] = "approvals/_change.html"
    tick: ClassVar[str] = "I have read what changes, and I answer for it."

    pk: UUID
    ref: str
    change_url: str
    title: str
    subject: str
    proposer: Who
    asked_at: datetime
    due_at: datetime | None
    due_tone: str
    reason: str
    differences: Sequence[Difference]
    compares: bool
    questions: Sequence[Exchange]
    steps: Sequence[Step]
    talk: Talk
    consents: bool
    doing: Doing
    decidable: bool
    closed: str
    high_risk: bool
    reason_hint: str
    signed_in: str


def detail(step: ApprovalStep, actor: Actor, now: datetime) -> Detail:
    """One proposed change, with what the actor may do to it."""
    change = changes_of([step])[step.route.subject_id]
    kind = kind_of(change.kind)
    may, high = permissions.can(actor, "approve", step, now), kind.is_sensitive(change)
    route = routes_of([change.pk], ProposedChange.NOUN)[change.pk]
    return Detail(
        pk=step.pk,
        ref=str(change),
        change_url=reverse("change-detail", args=[change.pk]),
        title=kind.title,
        subject=change.subject_label,
        proposer=present.who(change.proposer),
        asked_at=change.proposed_at,
        due_at=step.due_at if step.state == StepState.OPEN else None,
        due_tone=due_tone(step.due_at, now),
        reason=change.reason,
        differences=list(kind.differences(change.before, change.payload)),
        compares=bool(change.before),
        questions=list(exchanges(ProposedChange.NOUN, change.pk, actor)),
        steps=[present.step(row, actor) for row in route],
        talk=present.talk(route, [change.proposer_id], actor),
        consents=step.consents,
        doing=doing(step, actor, now, may=may),
        decidable=may,
        closed="" if may else closed(step, actor),
        high_risk=high,
        reason_hint=f"Kept with the change; required {'at high risk' if high else 'to reject or ask'}.",
        signed_in=signed_in(actor, now, confirms=high),
    )
