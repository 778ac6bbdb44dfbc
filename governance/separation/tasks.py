from celery import shared_task
from django.utils import timezone

from governance.separation import actions
from governance.separation.moves import SCAN


@shared_task(name=SCAN)
def scan() -> None:
    """Compare all live access with all rules of separation."""
    actions.scan(now=timezone.now())


@shared_task(name="separation.remind")
def remind() -> None:
    """Tell of mitigations whose review is due."""
    actions.remind_due(now=timezone.now())
