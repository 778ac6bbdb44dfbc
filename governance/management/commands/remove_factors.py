from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.actor import Actor
from governance.lifecycle.sign_in import remove_factors
from governance.users.models import User

OPERATOR = Actor.system("operator")


class Command(BaseCommand):
    """Let somebody back in who has lost every second factor and every recovery code."""

    help = "Take all second factors from somebody who has lost them. Make sure first that it is them who asks."

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose, and why: the reason stays in the log."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--reason", required=True)

    def handle(self, **options: Any) -> None:
        """Remove them and say how many there were."""
        why = options["reason"].strip()
        if not why:
            raise CommandError("Say why: the reason stays in the log.")
        try:
            count = remove_factors(username=options["username"], actor=OPERATOR, why=why, now=timezone.now())
        except User.DoesNotExist:
            raise CommandError(f"There is nobody called {options['username']}.") from None
        self.stdout.write(f"{count} removed. {options['username']} signs in without a second factor now.")
