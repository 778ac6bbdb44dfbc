"""The log's own work, by the clock. Each task may run twice, late, or beside a twin."""

from celery import shared_task
from django.utils import timezone

from governance.audit import actions


@shared_task(name="audit.seal")
def seal() -> None:
    """Seal what has been committed."""
    actions.seal(now=timezone.now())


@shared_task(name="audit.check")
def check() -> None:
    """Hold what is stored against what was sealed."""
    actions.check(now=timezone.now())


@shared_task(name="audit.ensure_partitions")
def ensure_partitions() -> None:
    """Make room for the months ahead."""
    actions.ensure_partitions(now=timezone.now())
