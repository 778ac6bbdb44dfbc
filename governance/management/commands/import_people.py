"""`manage.py import_people`: what one file of a source says of people, in the portal."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.core.actor import Actor
from governance.core.errors import DomainError
from governance.lifecycle import feeds
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import RunState
from governance.management.who import named

PATIENCE = timedelta(minutes=10)
"""How long another import of the same source is waited for."""

FIGURES = ("created", "updated", "ended", "ending", "unchanged", "repeated", "missing", "rejected", "failed")


class Command(BaseCommand):
    """Imports people from a CSV file, by the mapping that is kept with its source."""

    help = "Create, update and end people as a CSV file of a source says (docs/people-feed.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which file, of which source, and how."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", help="the key of the source; may be left out where there is one alone")
        parser.add_argument("--strict", action="store_true", help="import all rows, or none when one is bad")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and keep nothing")
        parser.add_argument("--by", metavar="USERNAME", help="the administrator who answers for the import")
        parser.add_argument(
            "--accept-shrinkage", metavar="REASON", default="", help="apply a file that is held; needs --by"
        )

    def handle(self, **options: Any) -> None:
        """Read the file and apply it. Raises CommandError."""
        if options["accept_shrinkage"] and not options["by"]:
            raise CommandError("--accept-shrinkage needs --by: somebody has to answer for the ends.")
        now = timezone.now()
        actor = named(options["by"], "import_people", now)
        source = _source(options["source"])
        content = _content(options["file"])
        try:
            if options["dry_run"]:
                _, preview = feeds.look(source=source, content=content, actor=actor, now=now)
                self._tell(preview["counts"], [])
                return
            run = feeds.read_file(
                source_id=source.pk,
                file_name=options["file"].name,
                content=content,
                actor=actor,
                now=now,
                strict=options["strict"],
            )
            self._finish(run, actor, options["accept_shrinkage"])
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal

    def _finish(self, run: FeedRun, actor: Actor, reason: str) -> None:
        for bad in run.rejected:
            self.stderr.write(f"Row {bad['row']}: {bad['reason']}")
        if run.state == RunState.REFUSED or (run.state == RunState.HELD and not reason):
            msg = f"{run} changes nothing. {run.state_reason}"
            raise CommandError(msg)
        feeds.accept(run_id=run.pk, actor=actor, reason=reason, now=timezone.now())
        done = feeds.apply(run_id=run.pk, actor=actor, now=timezone.now(), patience=PATIENCE)
        if done.outcome is None:
            msg = f"{done} is held. {done.state_reason}"
            raise CommandError(msg)
        self._tell(done.outcome["counts"], done.outcome["failed"])

    def _tell(self, counts: dict[str, int], failed: list[dict[str, Any]]) -> None:
        for one in failed:
            self.stderr.write(f"{one['name']} stays as they were: {one['reason']}")
        self.stdout.write(", ".join(f"{counts[name]:,} {name}" for name in FIGURES if name in counts))


def _source(key: str | None) -> Source:
    sources = list(Source.objects.filter(key=key) if key else Source.objects.all()[:2])
    if len(sources) != 1:
        known = ", ".join(Source.objects.values_list("key", flat=True).order_by("key")) or "none yet"
        msg = f"Name the source with --source. There are: {known}."
        raise CommandError(msg)
    return sources[0]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise CommandError(msg) from error
