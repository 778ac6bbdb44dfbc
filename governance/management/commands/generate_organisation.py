"""`manage.py generate_organisation`: an organisation of any size, for benchmarks and demonstrations."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.errors import DomainError
from governance.identities.models import Identity
from governance.management.organisation import Size, generate


class Command(BaseCommand):
    """Fills a portal with an invented organisation; the same seed gives the same one."""

    help = "Fill a portal with an invented organisation of any size (DEBUG or DEMO_MODE only)."

    def add_arguments(self, parser: CommandParser) -> None:
        """How large, and from which seed."""
        parser.add_argument("--people", type=int, default=500)
        parser.add_argument("--grants", type=int, default=5_000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--force", action="store_true", help="also beside people who are there already")

    def handle(self, **options: Any) -> None:
        """Make it. Raises CommandError in a portal that may be somebody's own."""
        if not (settings.DEBUG or settings.DEMO_MODE):
            raise CommandError("An organisation is generated in DEBUG or DEMO_MODE only: it can't be taken out again.")
        if Identity.objects.exists() and not options["force"]:
            raise CommandError("The portal is not empty. --force generates beside what is there.")
        size = Size(options["people"], options["grants"], options["seed"])
        began = time.monotonic()
        try:
            generate(size, now=timezone.now())
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(
            f"{size.people:,} people and {size.machines:,} machine identities hold {size.grants:,} grants on "
            f"{size.systems:,} systems; made in {time.monotonic() - began:.0f} s."
        )
