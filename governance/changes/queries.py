"""Proposed changes as pages and approvals read them."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from governance.approvals.models import Question
from governance.approvals.states import StepState
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.querysets import saying

SAID = ("subject_label", "kind", "proposer__name", "reason")


def matching(words: str) -> "QuerySet[ProposedChange]":
    """Changes in which every word occurs: reference, subject, kind, proposer or reason."""
    return ProposedChange.objects.filter(saying(words, SAID, reference="C-"))


def open_questions(change_ids: Collection[UUID]) -> "QuerySet[Question]":
    """Questions of approvers that wait for an answer about the changes, oldest first."""
    waiting = Question.objects.filter(answered_at__isnull=True, step__state=StepState.RETURNED)
    about = waiting.filter(step__route__subject_kind=ProposedChange.NOUN, step__route__subject_id__in=change_ids)
    return about.select_related("asked_by", "step__route").order_by("asked_at")


def questions_for(identity_ids: Collection[UUID]) -> "QuerySet[Question]":
    """Questions that wait for an answer of one of the identities."""
    proposed = ProposedChange.objects.filter(proposer__in=identity_ids, state=ChangeState.PROPOSED)
    return open_questions(proposed.values_list("pk", flat=True))


def waiting_for(kind: str, subject_id: UUID) -> ProposedChange | None:
    """The change of the kind that waits for its decision on the subject, or none."""
    return ProposedChange.objects.filter(kind=kind, subject_id=subject_id, state=ChangeState.PROPOSED).first()


def waiting_on(subject_kind: str, subject_id: UUID) -> "QuerySet[ProposedChange]":
    """All changes that wait for their decision on the subject, oldest first."""
    found = ProposedChange.objects.filter(subject_kind=subject_kind, subject_id=subject_id, state=ChangeState.PROPOSED)
    return found.order_by("number")
