from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.notifications import actions
from governance.notifications.models import Mail

BATCH = 200


@shared_task(name="notifications.post")
def post() -> None:
    """Collect what is to be mailed, then wake a worker for each letter that is due: one that fails stops no other."""
    while actions.collect(now=timezone.now()) >= actions.AT_A_TIME:
        pass
    due = Mail.objects.due(timezone.now()).order_by("next_attempt_at")
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        deliver.delay(str(pk))


@shared_task(name="notifications.deliver")
def deliver(mail_id: str) -> None:
    """Send one letter."""
    actions.deliver(UUID(mail_id), clock=timezone.now)
