from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.approvals import actions
from governance.approvals.models import ApprovalStep

BATCH = 200


@shared_task(name="approvals.expire_due")
def expire_due() -> None:
    """Close the steps that nobody answered in time."""
    now = timezone.now()
    due = ApprovalStep.objects.open().filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)
    for pk in due[:BATCH]:
        actions.expire(step_id=UUID(str(pk)), now=now)
