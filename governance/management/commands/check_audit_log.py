"""`manage.py check_audit_log`: whether the log is what was sealed and signed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from governance.audit import actions


class Command(BaseCommand):
    """Checks every event, leaf, node and checkpoint; exit status 1 when anything is wrong."""

    help = "Check the whole audit log against its seals. Exit status 1 when it is not what was sealed."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the check and say what it found. Raises CommandError."""
        verdict = actions.check_all(now=timezone.now())
        if not verdict.ok:
            msg = f"The audit log is not what was sealed: {verdict.finding}"
            raise CommandError(msg)
        self.stdout.write(f"Log verified: {verdict.to_size} events, every hash, root and signature.")
