"""The one task that belongs to no part of the domain."""

from celery import shared_task

from config import health


@shared_task(name="config.heartbeat")
def heartbeat() -> None:
    """Show that beat, broker and a worker are alive: only all three together get this run."""
    health.record_heartbeat()
