"""A PostgreSQL server to be governed: it can be stopped, hung and started again, and tells what was done to it."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from config.embedded.postgres import Postgres
from config.embedded.supervisor import SERVER_SECONDS, Supervisor
from tests.harness import servers


class Governed:
    """The server, seen by its superuser."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._server = Postgres(
            supervisor.place, "governed", "target_admin", "target", secrets.token_urlsafe(), volatile=True
        )
        self.dsn = self._server.url
        self.start()
        self.run("ALTER SYSTEM SET log_statement = 'ddl'")
        self.run("SELECT pg_reload_conf()")

    def start(self) -> None:
        """Start it, with the data it had."""
        self._child = self._supervisor.start(self._server.program())
        self._child.wait_until(self._server.ready, seconds=SERVER_SECONDS)

    def stop(self) -> None:
        """Stop it as its administrator would."""
        self._child.stop()

    def run(self, statement: str, *names: str) -> list[tuple[Any, ...]]:
        """Run a statement with `{}` for each name. Returns the rows, if it has any."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(composed)
            return cursor.fetchall() if cursor.description else []

    def role(self, prefix: str = "role", *, options: str = "") -> str:
        """A new role that nobody is a member of; its name needs quoting."""
        name = f"{prefix} {uuid4().hex[:12]}"
        self.run(f"CREATE ROLE {{}} {options}", name)
        return name

    def login(self, prefix: str = "login") -> str:
        """A new role that can log in."""
        return self.role(prefix, options="LOGIN")

    def holds(self, login: str, role: str) -> bool:
        """Whether the login is a direct member of the role."""
        query = (
            "SELECT FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = %s)"
            " AND roleid = (SELECT oid FROM pg_roles WHERE rolname = %s)"
        )
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query, [login, role]).rowcount > 0

    def statements(self, *words: str) -> int:
        """How many logged statements contain all the words."""
        log = (self._supervisor.logs / "governed.log").read_text(errors="replace")
        lines = re.findall(r"LOG: +(?:statement|execute [^:]*): (.*)", log)
        return sum(all(word in line for word in words) for line in lines)


@contextmanager
def governed_server() -> Iterator[Governed]:
    """A server of its own, gone at the end."""
    with servers.own_supervisor() as supervisor:
        yield Governed(supervisor)


@pytest.fixture(scope="session")
def _governed_server() -> Iterator[Governed]:
    with governed_server() as governed:
        yield governed


@pytest.fixture
def governed(_governed_server: Governed, monkeypatch: pytest.MonkeyPatch) -> Governed:
    """A server to be governed, named by the variable TARGET_GOVERNED."""
    monkeypatch.setenv("TARGET_GOVERNED", _governed_server.dsn)
    return _governed_server
