"""Waking a worker. The row is the truth: a sweep finds what no wake-up reached."""

from datetime import datetime
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction


def after_commit(task: str, *args: Any, at: datetime | None = None) -> None:
    """Send a task by its explicit name once the transaction commits, to run `at` that time or at once.

    A broker that is down is only logged: sweeps do the same work later.
    """
    transaction.on_commit(partial(_send, task, args, at), robust=True)


def at(moment: datetime, task: str, *args: Any) -> None:
    """Send a task that is to run at the moment."""
    _send(task, args, moment)


def _send(task: str, args: tuple[Any, ...], eta: datetime | None) -> None:
    current_app.send_task(task, args=[str(arg) for arg in args], eta=eta)
