"""Waking a worker. The row is the truth: a sweep finds what no wake-up reached."""

import time
from datetime import datetime
from typing import Any

from celery import current_app
from celery.exceptions import OperationalError
from django.db import transaction

SILENCE_SECONDS = 5.0
_silent_until = 0.0


def after_commit(task: str, *args: Any, at: datetime | None = None) -> None:
    """Send a task by its explicit name once the transaction commits, to run `at` that time or at once.

    A broker that is down is only logged: sweeps do the same work later.
    """

    def send() -> None:  # Django's log of what failed asks for its name, which a partial has not
        _send(task, args, at)

    transaction.on_commit(send, robust=True)


def at(moment: datetime, task: str, *args: Any) -> None:
    """Send a task that is to run at the moment."""
    _send(task, args, moment)


def _send(task: str, args: tuple[Any, ...], eta: datetime | None) -> None:
    global _silent_until  # noqa: PLW0603 - a page must not wait for a dead broker once for each row
    if time.monotonic() < _silent_until:
        return
    try:
        current_app.send_task(task, args=[str(arg) for arg in args], eta=eta, retry=False)
    except OperationalError:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        raise
