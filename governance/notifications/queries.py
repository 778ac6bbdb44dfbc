"""What is to be mailed, and what could not be."""

from datetime import datetime, timedelta

from governance.notifications.models import Mail

LATE = timedelta(minutes=30)


def undelivered(now: datetime) -> int:
    """How many letters wait for longer than half an hour, or were given up within the last day."""
    late = Mail.objects.waiting().filter(created_at__lt=now - LATE)
    given_up = Mail.objects.filter(given_up_at__gt=now - timedelta(days=1))
    return late.count() + given_up.count()
