from celery import shared_task
from django.utils import timezone

from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import actions

BATCH = 100
LIFECYCLE = Actor.system("lifecycle")


@shared_task(name="lifecycle.end_due")
def end_due() -> None:
    """End the identities whose last day has passed."""
    now = timezone.now()
    due = Identity.objects.filter(ends_at__lte=now).exclude(state=Status.ENDED).order_by("ends_at")
    for pk in due.values_list("pk", flat=True)[:BATCH]:
        actions.end_identity(identity_id=pk, actor=LIFECYCLE, reason="The identity came to its end", now=now)
