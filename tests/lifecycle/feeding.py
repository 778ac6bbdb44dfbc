"""Files of a feed, handed in as an administrator does."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from governance.core.actor import Actor, Role
from governance.identities.models import Human, Identity, Ownership
from governance.lifecycle import feeds, sources
from governance.lifecycle.models import FeedRun, Source
from governance.management.commands.define_source import _definition
from tests.builders import actor, person

HERE = Path(__file__).parent
PLAIN = sources.Definition(
    key="staff",
    name="Staff",
    columns={name: name for name in ("key", "name", "email", "title", "department", "manager", "status", "ends_on")},
    statuses={"active": "active", "leave": "on_leave", "left": "ended"},
)
HEADINGS = "key,name,email,title,department,manager,status,ends_on"


def administrator() -> Actor:
    return actor(person("Admin"), Role.ADMINISTRATOR)


def a_source(by: Actor, file: Path | None = None, **fields: Any) -> Source:
    definition = _definition(file) if file else PLAIN
    assert by.identity_id
    return sources.define_source(
        definition=replace(definition, **fields), owner_id=by.identity_id, actor=by, now=timezone.now()
    )


def a_file(*rows: str) -> bytes:
    return "\r\n".join([HEADINGS, *rows]).encode()


def row(key: str, name: str = "", *, manager: str = "", status: str = "active", ends_on: str = "", **said: str) -> str:
    title, department = said.get("title", "Clerk"), said.get("department", "Books")
    return f"{key},{name or f'Person {key}'},{said.get('email', '')},{title},{department},{manager},{status},{ends_on}"


def handed_in(
    source: Source, content: bytes, by: Actor, *, strict: bool = False, now: datetime | None = None
) -> FeedRun:
    return feeds.read_file(
        source_id=source.pk,
        file_name="people.csv",
        content=content,
        actor=by,
        now=now or timezone.now(),
        strict=strict,
    )


def applied(run: FeedRun, by: Actor, *, reason: str = "", now: datetime | None = None) -> FeedRun:
    now = now or timezone.now()
    feeds.accept(run_id=run.pk, actor=by, reason=reason, now=now)
    return feeds.apply(run_id=run.pk, actor=by, now=now)


def imported(source: Source, content: bytes, by: Actor, *, reason: str = "", now: datetime | None = None) -> FeedRun:
    return applied(handed_in(source, content, by, now=now), by, reason=reason, now=now)


def counts(run: FeedRun) -> dict[str, int]:
    """What came of the run, in figures."""
    assert run.outcome is not None
    found: dict[str, int] = run.outcome["counts"]
    return found


def people(source: Source) -> dict[str, Identity]:
    return {one.external_key: one for one in Identity.objects.filter(source=source.key).select_related("manager")}


def versions() -> int:
    return int(Identity.history.count() + Human.history.count() + Ownership.history.count())
