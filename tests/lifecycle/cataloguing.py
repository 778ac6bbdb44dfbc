"""The catalog's files, as somebody keeps and applies them."""

from datetime import timedelta
from pathlib import Path
from textwrap import indent as indented
from typing import Any

from django.db import connection
from django.utils import timezone

from governance.catalog.models import System
from governance.connectors.models import ConnectorConfiguration
from governance.core.actor import Actor, Role
from governance.core.locking import locked, unit_of_work
from governance.core.moves import amend
from governance.identities.models import Identity
from governance.lifecycle.catalog_files import applying, exporting, notation, planning, reading
from governance.lifecycle.catalog_files.entries import Problem
from governance.lifecycle.catalog_files.planning import Plan
from tests.builders import BUILDER, actor, keep, person

LATER = (timezone.now() + timedelta(days=200)).strftime("%Y-%m-%dT00:00:00Z")
TABLES = (
    "filemanagement", "catalogapplication", "justification", "purpose", "bundlepart", "bundleversion", "bundle",
)  # fmt: skip


PORTAL = "SELECT id FROM governance_system WHERE key = 'portal'"

SETTINGS = {"grant_instructions": "Note it: in the book.", "revoke_instructions": "Strike it out.", "grant_hours": 1.5}
MANUAL = indented(notation.written({"connector": {"plugin": "manual", "settings": SETTINGS}}), "  ")


def reached(system: System) -> System:
    """A system with a connector."""
    keep(ConnectorConfiguration(system=system, plugin="manual", settings=SETTINGS))
    return system


def administrator() -> Actor:
    return actor(person("Admin"), Role.ADMINISTRATOR)


def export(into: Path) -> dict[str, bytes]:
    """The catalog's files, by their names."""
    exporting.export(directory=into, actor=BUILDER, now=timezone.now())
    return {str(path.relative_to(into)): path.read_bytes() for path in sorted(into.rglob("*.yaml"))}


def planned(directory: Path) -> Plan:
    return planning.plan(reading.read(directory), timezone.now())


def apply(directory: Path, by: Actor | None = None, reason: str = "Commit 4f2a") -> Plan:
    files = reading.read(directory)
    return applying.apply(files=files, actor=by or administrator(), reason=reason, now=timezone.now())


def problems(directory: Path) -> list[Problem]:
    return list(planned(directory).problems)


def says(plan: Plan) -> list[str]:
    """A plan's changes, short."""
    return [f"{one.verb} {one.address}" for one in plan.changes]


def edit(file: Path, before: str, after: str) -> None:
    """Change what a file says, once."""
    text = file.read_text()
    assert text.count(before) >= 1, f"{before!r} is not in {text}"
    file.write_text(text.replace(before, after, 1))


def owner_of(who: Identity, indent: str = "  ") -> str:
    """The lines that name an owner."""
    return indented(notation.written({"owner": {"source": who.source, "key": who.external_key}}), indent)


def written(directory: Path, owner: Identity) -> Path:
    """A small catalog: a system with an entitlement, two bundles, and a purpose."""
    texts = {
        "catalog.yaml": "format: 1\n",
        "systems/ledger.yaml": "system:\n  key: ledger\n  name: Ledger\n"
        + owner_of(owner)
        + "  environment: production\n  risk: high\n"
        + MANUAL
        + "entitlements:\n  - key: read\n    name: Read the books\n"
        + "    description: Sees every booking.\n"
        + owner_of(owner, "    ")
        + "    risk: moderate\n    longest_lease: 30 days\n    review_cadence: 90 days\n    allowed_kinds:\n"
        + "      - person\n",
        "bundles/base.yaml": f"bundle:\n  key: base\n  name: Base\n{owner_of(owner)}  review_at: '{LATER}'\n"
        "  entitlements:\n    - ledger/read\n",
        "bundles/accountant.yaml": f"bundle:\n  key: accountant\n  name: Accountant\n{owner_of(owner)}"
        f"  criteria: identity.department == 'Finance'\n  review_at: '{LATER}'\n  bundles:\n    - base\n",
        "purposes/P-2001.yaml": f"purpose:\n  reference: P-2001\n  name: Keeping the books\n{owner_of(owner)}"
        f"  ends_at: '{LATER}'\n  entitlements:\n    - ledger/read\n",
    }
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


@unit_of_work()
def changed_elsewhere(thing: Any, **values: Any) -> None:
    """Something changes past the files."""
    held = locked(type(thing).objects.all(), thing.pk)
    amend(held, "edited", actor=BUILDER, why="Elsewhere", now=timezone.now(), **values)


def emptied() -> None:
    """The portal without its catalog: people and teams stay, and its own roles, as in one that has just been founded.

    Nothing governed can be deleted but by the superuser of the tests, as when the whole database is reset.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in TABLES:
            cursor.execute(f"DELETE FROM governance_{table}")
        cursor.execute(f"DELETE FROM governance_connectorconfiguration WHERE system_id NOT IN ({PORTAL})")
        cursor.execute(f"DELETE FROM governance_entitlement WHERE system_id NOT IN ({PORTAL})")
        cursor.execute(f"DELETE FROM governance_system WHERE id NOT IN ({PORTAL})")
        cursor.execute(
            "DELETE FROM governance_ownership WHERE subject_kind <> 'identity' AND subject_id NOT IN "
            f"({PORTAL} UNION SELECT id FROM governance_entitlement)"
        )
        cursor.execute("SET session_replication_role = origin")
