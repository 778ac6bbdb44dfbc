"""Wake-ups for provisioning. The rows are the truth: any message may be lost, doubled or late."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.provisioning import actions


@shared_task(name="provisioning.run")
def run(task_id: str) -> None:
    """Take one provisioning task up, then wake a worker for the next of its system."""
    following = actions.run_task(UUID(task_id), clock=timezone.now)
    if following is not None:
        run.delay(str(following))


@shared_task(name="provisioning.sweep")
def sweep() -> None:
    """Wake workers for the tasks that are due and that no message has brought to one."""
    for task_id in actions.due(now=timezone.now()):
        run.delay(str(task_id))
