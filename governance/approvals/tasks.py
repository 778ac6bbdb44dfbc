from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.delegating import MOVED
from governance.approvals.models import ApprovalStep
from governance.identities.queries import same_human

BATCH = 200


@shared_task(name="approvals.expire")
def expire(step_id: str) -> None:
    """Close one step that nobody answered in time."""
    actions.expire(step_id=UUID(step_id), now=timezone.now())


@shared_task(name="approvals.expire_due")
def expire_due() -> None:
    """Find the steps that nobody answered in time, and those whose question nobody did."""
    due = ApprovalStep.objects.overdue(timezone.now()).order_by("due_at")
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        expire.delay(str(pk))


@shared_task(name="approvals.escalate")
def escalate(step_id: str) -> None:
    """Bring others in for one step that has waited too long."""
    actions.escalate(step_id=UUID(step_id), now=timezone.now())


@shared_task(name="approvals.escalate_due")
def escalate_due() -> None:
    """Find the steps that have waited too long for those whom they ask."""
    late = ApprovalStep.objects.to_escalate(timezone.now()).order_by("escalates_at")
    for pk in late.values_list("pk", flat=True)[:BATCH]:
        escalate.delay(str(pk))


@shared_task(name="approvals.ask_again")
def ask_again(step_id: str) -> None:
    """Ask those who are to answer one step now."""
    actions.ask_again(step_id=UUID(step_id), now=timezone.now())


@shared_task(name="approvals.ask_again_due")
def ask_again_due() -> None:
    """Look again at whom every step asks: owners and members change by the clock as well (rule 16)."""
    for pk in ApprovalStep.objects.pending().values_list("pk", flat=True).iterator():
        ask_again.delay(str(pk))


@shared_task(name=MOVED)
def ask_again_of(identity_id: str) -> None:
    """Look again at whom those steps ask which ask somebody, or another in their place."""
    theirs = ApprovalStep.objects.pending().concerning(same_human([UUID(identity_id)]))
    for pk in theirs.values_list("pk", flat=True).iterator():
        ask_again.delay(str(pk))
