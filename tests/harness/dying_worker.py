"""A worker that takes up one provisioning task and kills itself on the way, as SIGKILL from outside would.

`python -m tests.harness.dying_worker <task id> <point>`, the points being those of a worker's turn: `claim` (claimed,
nothing called), `call` (the system has changed, nobody has heard of it), `read_back` (seen, not written down),
`record` (written down, not committed). The product's code is as it is; only the step at the point is wrapped.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django


def _die(*_args: Any, **_options: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying_after(step: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **options: Any) -> None:
        step(*args, **options)
        _die()

    return wrapped


def main() -> None:
    """Take the task up; returns only when the point was never reached."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
    django.setup()
    from django.utils import timezone  # noqa: PLC0415 - needs the settings

    from governance.connectors.postgres import PostgresConnector  # noqa: PLC0415
    from governance.provisioning import actions  # noqa: PLC0415

    task_id, point = sys.argv[1:]
    match point:
        case "claim":
            actions.perform = _die  # type: ignore[assignment, attr-defined]
        case "call":
            PostgresConnector.ensure_present = _dying_after(PostgresConnector.ensure_present)  # type: ignore[method-assign]
            PostgresConnector.ensure_absent = _dying_after(PostgresConnector.ensure_absent)  # type: ignore[method-assign]
        case "read_back":
            PostgresConnector.observe = _dying_after(PostgresConnector.observe)  # type: ignore[method-assign]
        case "record":
            actions._succeed = _dying_after(actions._succeed)
    actions.run_task(UUID(task_id), clock=timezone.now)


if __name__ == "__main__":
    main()
