from celery import shared_task
from django.utils import timezone

from governance.break_glass import actions
from governance.break_glass.models import BreakGlass

BATCH = 500


@shared_task(name="break_glass.remind")
def remind() -> None:
    """Tell of all that has ended and waits to be reviewed or closed."""
    now = timezone.now()
    for pk in BreakGlass.objects.unclosed(now).order_by("taken_at").values_list("pk", flat=True)[:BATCH]:
        actions.remind(break_glass_id=pk, now=now)
