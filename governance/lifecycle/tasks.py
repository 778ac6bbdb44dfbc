from uuid import UUID

from celery import shared_task
from django.utils import timezone

from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import actions

BATCH = 100
LIFECYCLE = Actor.system("lifecycle")


@shared_task(name="lifecycle.end")
def end(identity_id: str) -> None:
    """End one identity whose last day has passed."""
    actions.end_if_due(identity_id=UUID(identity_id), actor=LIFECYCLE, now=timezone.now())


@shared_task(name="lifecycle.end_due")
def end_due() -> None:
    """Find the identities whose last day has passed: one that nobody can take over from stops no other."""
    due = Identity.objects.filter(ends_at__lte=timezone.now()).exclude(state=Status.ENDED).order_by("ends_at")
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        end.delay(str(pk))
