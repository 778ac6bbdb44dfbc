from celery import shared_task
from django.utils import timezone

from governance.requests import actions


@shared_task(name="requests.lapse_drafts")
def lapse_drafts() -> None:
    """Close drafts that nobody has come back to for long."""
    actions.lapse_drafts(now=timezone.now())
