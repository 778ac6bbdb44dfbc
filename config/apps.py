"""Makes Celery's app known to every process that sets Django up, so that a task is never sent to nowhere."""

from django.apps import AppConfig


class ProcessConfig(AppConfig):
    """The process itself, as a Django app without models."""

    name = "config"

    def ready(self) -> None:
        """Load the Celery app; `shared_task` then binds to it."""
        from config import celery  # noqa: F401, PLC0415 - needs the settings
