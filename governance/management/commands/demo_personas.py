from typing import Any

from django.core.management.base import BaseCommand

from governance.management.demonstration import PERSONAS


class Command(BaseCommand):
    """Say whom a visitor of the demonstration can be."""

    help = "List the demonstration's people."

    def handle(self, **_: Any) -> None:
        """One line for each."""
        self.stdout.write("Sign in with one click as one of:")
        for persona in PERSONAS:
            self.stdout.write(f"  {persona.name:<14} {persona.shows}")
