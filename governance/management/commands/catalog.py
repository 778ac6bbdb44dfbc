"""`manage.py catalog`: the catalog as files that can be reviewed, compared and applied (docs/catalog-as-code.md)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.errors import DomainError
from governance.lifecycle.catalog_files import applying, exporting, planning, reading, writing
from governance.lifecycle.catalog_files.planning import Change, Difference, Plan, Verb
from governance.management.who import named

HAS_CHANGES: Final = 2
"""The exit code of a plan that would change something; 0 is nothing to do, and 1 refused."""


class Command(BaseCommand):
    """Writes the catalog as files, says what files would change, and has it be as they say."""

    help = "Export the catalog as files, plan what files would change, or apply them (docs/catalog-as-code.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """What is to be done, with which directory, and who answers for it."""
        parser.add_argument("what", choices=["export", "plan", "apply"])
        parser.add_argument("directory", type=Path)
        parser.add_argument("--by", metavar="USERNAME", help="the administrator who applies the files, or exports them")
        parser.add_argument(
            "--reason", default="As the catalog's files say", help="why, such as the commit; apply alone"
        )

    def handle(self, **options: Any) -> None:
        """Do it. Raises CommandError, and SystemExit where a plan has changes."""
        try:
            getattr(self, options["what"])(options)
        except DomainError as refusal:
            raise CommandError(f"Nothing is applied.\n{refusal.message}") from refusal

    def export(self, options: dict[str, Any]) -> None:
        now = timezone.now()
        actor = named(options["by"], "catalog export", now)
        try:
            things, files = exporting.export(directory=options["directory"], actor=actor, now=now)
        except (OSError, writing.NotACatalog) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{things:,} things in {files:,} files")

    def plan(self, options: dict[str, Any]) -> None:
        files = reading.read(options["directory"])
        found = planning.plan(files, timezone.now())
        if found.problems:
            raise applying.Refused(found.problems)
        self._tell(found)
        if new := [entry for entry in found.says if entry.address not in found.there.marks]:
            self.stderr.write(f"{len(new):,} things will be managed from these files once they are applied.")
        self.stderr.write(f"Applying them is recorded with their SHA-256: {files.digest}")
        if found.changes:
            sys.exit(HAS_CHANGES)

    def apply(self, options: dict[str, Any]) -> None:
        if not options["by"]:
            raise CommandError("apply needs --by: somebody has to answer for it.")
        now = timezone.now()
        actor = named(options["by"], "catalog apply", now)
        files = reading.read(options["directory"])
        done = applying.apply(files=files, actor=actor, reason=options["reason"], now=now)
        self._tell(done)
        if not done.is_idle:
            self.stderr.write(f"Applied. {len(files.entries):,} things are managed from these files.")

    def _tell(self, found: Plan) -> None:
        for drift in found.drift:
            self.stdout.write(f"drift   {drift.address}: {drift.text} ({drift.file})")
        for one in found.changes:
            for line in _lines(one):
                self.stdout.write(line)
        self.stdout.write(_summary(found))


def _summary(found: Plan) -> str:
    counts = {verb: sum(one.verb == verb for one in found.changes) for verb in Verb}
    return ", ".join(f"{count:,} to {verb}" for verb, count in counts.items() if count) or "no changes"


def _lines(one: Change) -> Iterator[str]:
    yield f"{one.verb:<7} {one.address} ({one.entry.file})" + (f", {one.note}" if one.note else "")
    for difference in one.differences:
        yield from _field(difference)


def _field(one: Difference) -> Iterator[str]:
    """A field that becomes otherwise; of a list, what goes and what comes."""
    if isinstance(one.before, list) and isinstance(one.after, list):
        yield f"          {one.field}:"
        yield from (f"            - {item!r}" for item in one.before if item not in one.after)
        yield from (f"            + {item!r}" for item in one.after if item not in one.before)
    else:
        yield f"          {one.field}: {_said(one.before)} -> {_said(one.after)}"


def _said(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case {"team": team}:
            return f"team {team}"
        case {"source": source, "key": key}:
            return f"{source} {key}"
        case bool():
            return str(value).lower()
    return repr(value)
