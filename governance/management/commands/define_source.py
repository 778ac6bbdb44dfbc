"""`manage.py define_source`: a source of people, as a TOML file says."""

import tomllib
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.errors import DomainError
from governance.lifecycle import sources
from governance.lifecycle.models import Source
from governance.management.who import named

KNOWN = {one.name for one in fields(sources.Definition)} - {"external_term"} | {"external_term_days"}

SHAPES = {"columns": dict, "statuses": dict, "kinds": dict, "external_term_days": int}


class Command(BaseCommand):
    """Defines a source of people, or has its files read otherwise from now on."""

    help = "Define a source of people from a TOML file, or change it (docs/people-feed.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, and who defines and owns the source."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", metavar="USERNAME", required=True, help="the administrator who defines it")

    def handle(self, **options: Any) -> None:
        """Define or change it. Whoever defines a source owns it. Raises CommandError."""
        now = timezone.now()
        actor = named(options["by"], "define_source", now)
        assert actor.identity_id is not None  # noqa: S101 - somebody named has an identity
        try:
            definition = _definition(options["file"])
            known = Source.objects.filter(key=definition.key).first()
            if known is None:
                sources.define_source(definition=definition, owner_id=actor.identity_id, actor=actor, now=now)
            else:
                why = f"As {options['file'].name} says"
                sources.change_source(source_id=known.pk, definition=definition, actor=actor, reason=why, now=now)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{definition.name} is {'changed' if known else 'defined'}.")


def _definition(file: Path) -> sources.Definition:
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{file} can't be read: {error}"
        raise CommandError(msg) from error
    if unknown := sorted(said.keys() - KNOWN):
        msg = f"{file}: nothing is known of {', '.join(unknown)}."
        raise CommandError(msg)
    if missing := sorted({"key", "name", "columns"} - said.keys()):
        msg = f"{file}: {', '.join(missing)} must be said."
        raise CommandError(msg)
    if odd := [name for name, kind in SHAPES.items() if name in said and not isinstance(said[name], kind)]:
        msg = f"{file}: {', '.join(odd)} can't be read: a table or a number belongs there (docs/people-feed.md)."
        raise CommandError(msg)
    days = said.pop("external_term_days", None)
    return sources.Definition(**said, external_term=None if days is None else timedelta(days=days))
