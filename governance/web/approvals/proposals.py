"""Steps about proposed changes, as the inbox and the open one show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.urls import reverse

from governance.approvals.models import ApprovalStep
from governance.changes.kinds import Difference, kind_of
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.web import present
from governance.web.approvals.present import Detail, Marks, detail_of
from governance.web.shapes import Who

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
class Change:
    """What is proposed, as its approver weighs it."""

    template: ClassVar[str] = "approvals/_change.html"
    tick: ClassVar[str] = "I have read what changes, and I answer for it."
    kept_with: ClassVar[str] = "change"

    ref: str
    url: str
    title: str
    subject: str
    proposer: Who
    asked_at: datetime
    reason: str
    differences: Sequence[Difference]
    compares: bool


def detail(step: ApprovalStep, actor: Actor, now: datetime) -> Detail:
    """One proposed change, with what the actor may do to it."""
    change = changes_of([step])[step.route.subject_id]
    kind = kind_of(change.kind)
    about = Change(
        ref=str(change),
        url=reverse("change-detail", args=[change.pk]),
        title=kind.title,
        subject=change.subject_label,
        proposer=present.who(change.proposer),
        asked_at=change.proposed_at,
        reason=change.reason,
        differences=list(kind.differences(change.before, change.payload)),
        compares=bool(change.before),
    )
    return detail_of(step, about, [change.proposer_id], actor, now)
