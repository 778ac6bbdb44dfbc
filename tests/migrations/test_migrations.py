"""The migrations on the server at hand: production may run on 15, the tests' own is the newest."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.exceptions import IrreversibleError
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from config.paths import ROOT

OLDEST = 150_000
SECONDS = 120


def plan() -> list[object]:
    executor = MigrationExecutor(connection)
    return list(executor.migration_plan(executor.loader.graph.leaf_nodes()))


@pytest.mark.django_db
class TestMigrations:
    def test_are_all_applied_on_a_server_that_is_supported(self) -> None:
        assert connection.pg_version >= OLDEST  # type: ignore[attr-defined]  # PostgreSQL's
        assert plan() == []

    def test_say_all_that_the_models_say(self) -> None:
        call_command("makemigrations", "--check", "--dry-run", verbosity=0)

    def test_that_guard_the_log_and_the_rules_are_never_undone(self) -> None:
        """Undoing them would be a way to take the triggers away, and the log with them."""
        with pytest.raises(IrreversibleError):
            call_command("migrate", "governance", "0003_domain", verbosity=0)
        assert plan() == []


@pytest.fixture
def plain_database() -> Iterator[str]:
    """An empty database that belongs to a role without any privilege: its address."""
    name, password = f"plain_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        known = {"role": sql.Identifier(name), "password": sql.Literal(password)}
        admin.execute(sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(**known))
        admin.execute(sql.SQL("CREATE DATABASE {role} OWNER {role}").format(**known))
        try:
            yield addressed(os.environ["DATABASE_URL"], name, password)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {role} WITH (FORCE)").format(**known))
            admin.execute(sql.SQL("DROP ROLE {role}").format(**known))


def addressed(url: str, name: str, password: str) -> str:
    """The same server, as that role, in that database."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{password}@{place}", path=f"/{name}"))


def manage(*arguments: str, database_url: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "config.settings_test"}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)


@pytest.mark.django_db
class TestAnEmptyDatabase:
    def test_is_migrated_by_a_role_without_privileges_which_the_triggers_stop_too(self, plain_database: str) -> None:
        for arguments in (["--no-input"], ["--check"]):
            done = manage("migrate", *arguments, database_url=plain_database)
            assert done.returncode == 0, done.stderr
        with psycopg.connect(plain_database) as plain:
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                plain.execute("TRUNCATE audit_event")
            plain.rollback()
            with pytest.raises(psycopg.errors.RestrictViolation, match="nothing governed is deleted"):
                plain.execute("TRUNCATE governance_grant CASCADE")
