"""`manage.py audit_log_key`: the key that auditors verify checkpoints with."""

from typing import Any

from django.core.management.base import BaseCommand

from governance.audit import queries


class Command(BaseCommand):
    """Prints the log's verifier key, to be given to auditors out of band."""

    help = "Print the verifier key of the audit log (c2sp.org/signed-note), to be given to auditors out of band."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print it."""
        self.stdout.write(queries.verifier_key())
