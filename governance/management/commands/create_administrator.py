from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.errors import Conflict
from governance.lifecycle.founding import Founder, found
from governance.policy.words import day


class Command(BaseCommand):
    """Found the portal: works once, on an empty portal."""

    help = "Name the first administrator of an empty portal. Works once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who the first administrator is; the password is asked for."""
        parser.add_argument("--username", required=True)
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)

    def handle(self, **options: Any) -> None:
        """Ask for the password and found the portal."""
        password = getpass("Password: ")
        if password != getpass("Again: "):
            raise CommandError("The two passwords differ.")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        founder = Founder(options["username"], options["email"], options["name"], password)
        try:
            grant = found(founder, now=timezone.now())
        except Conflict as conflict:
            raise CommandError(conflict.message) from conflict
        self.stdout.write(f"{grant} leases the administrator role to {founder.name} until {day(grant.ends_at)}.")
