import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from governance.break_glass import actions, queries

log = structlog.get_logger(__name__)


@shared_task(name="break_glass.remind")
def remind() -> None:
    """Tell of all that has ended and waits to be reviewed or closed; one that can't be told of stops no other."""
    now = timezone.now()
    for pk in queries.to_remind(now):
        try:
            actions.remind(break_glass_id=pk, now=now)
        except OperationalError:
            raise
        except Exception:
            log.exception("break_glass.remind_failed", break_glass=str(pk))
