"""Roles of a PostgreSQL server: `GRANT role TO login`, read back from its catalog.

Harm is possible here: a wrong answer of `observe` calls a lease active, or gone, that is not. So it reads the
catalog of the server itself, over a connection of its own, and what it can't tell it does not say. What is written
may be written twice: GRANT and REVOKE bring about a state.
"""

import json
import math
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from governance.connectors.addresses import refuse_impossible, resolve
from governance.connectors.interface import (
    Capability,
    Connector,
    Deadlines,
    Observation,
    Observed,
    Refused,
    Unreachable,
)
from governance.connectors.settings import Settings

GRANTORS_SINCE = 160000
"""From PostgreSQL 16 on a membership has a row, and needs a REVOKE, for each role that has granted it."""
LONGEST_LOCK_WAIT = 2.0
DEFAULT_PORT = 5432
METHOD = "pg_auth_members"

ROLES = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = ANY(%s)"

GRANTORS = """
SELECT DISTINCT grantor.rolname AS grantor
FROM pg_auth_members AS held
JOIN pg_roles AS role ON role.oid = held.roleid
JOIN pg_roles AS login ON login.oid = held.member
LEFT JOIN pg_roles AS grantor ON grantor.oid = held.grantor
WHERE role.rolname = %(entitlement)s AND login.rolname = %(login)s
ORDER BY 1
"""

# Roles can't be members of themselves, also not in a circle; the guard costs nothing.
PATHS = """
WITH RECURSIVE edges AS (
    SELECT DISTINCT held.member, held.roleid, role.rolname::text AS name
    FROM pg_auth_members AS held JOIN pg_roles AS role ON role.oid = held.roleid
), reached (roleid, path) AS (
    SELECT roleid, ARRAY[name] FROM edges WHERE member = (SELECT oid FROM pg_roles WHERE rolname = %(login)s)
    UNION ALL
    SELECT edges.roleid, reached.path || edges.name
    FROM reached JOIN edges ON edges.member = reached.roleid
    WHERE edges.name <> ALL (reached.path)
)
SELECT path FROM reached
WHERE path[cardinality(path)] = %(entitlement)s AND cardinality(path) > 1
ORDER BY cardinality(path), path
LIMIT 20
"""

# The server's own answer, which also knows superusers and the owner of a database.
PASSES = """
SELECT pg_has_role(login.oid, role.oid, 'MEMBER') AS passes
FROM pg_roles AS login, pg_roles AS role
WHERE login.rolname = %(login)s AND role.rolname = %(entitlement)s
"""

CONFERS_SUPERUSER = """
WITH RECURSIVE above (oid) AS (
    SELECT oid FROM pg_roles WHERE rolname = %(entitlement)s
    UNION
    SELECT held.roleid FROM above JOIN pg_auth_members AS held ON held.member = above.oid
)
SELECT role.rolname FROM above JOIN pg_roles AS role USING (oid) WHERE role.rolsuper ORDER BY 1
"""

REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedObject,
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.InvalidGrantOperation,
    psycopg.errors.ReadOnlySqlTransaction,
)
Connection = psycopg.Connection[dict[str, Any]]


class PostgresConnector(Connector):
    """Grants roles directly. The setting `dsn_env` names the variable that holds the server's address."""

    capabilities: ClassVar = frozenset({Capability.WRITE, Capability.OBSERVE, Capability.OTHER_PATHS})

    def __init__(self, parts: Mapping[str, Any], deadlines: Deadlines) -> None:
        self._parts = dict(parts)
        self.deadlines = deadlines

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        reader = Settings(settings)
        parts = _parsed(reader.secret("dsn_env"), reader)
        made = cls(parts, reader.deadlines())
        reader.finish()
        return made

    def ensure_present(self, login: str, entitlement: str) -> str:
        """Refuses what would make somebody a superuser: PostgreSQL checks nothing of what a superuser does."""
        statement = sql.SQL("GRANT {} TO {}").format(sql.Identifier(entitlement), sql.Identifier(login))
        with self._session() as session:
            _require_grantable(session, login, entitlement)
            return session.change([statement])

    def ensure_absent(self, login: str, entitlement: str) -> str:
        """Revokes every row of the membership, whoever granted it; refuses to take with it what others hold by it."""
        with self._session() as session:
            grantors = session.rows(GRANTORS, login=login, entitlement=entitlement)
            if not grantors:
                return f"Nothing to revoke: {login} is no direct member of {entitlement}"
            return session.change([_revoke(session, login, entitlement, row["grantor"]) for row in grantors])

    def observe(self, login: str, entitlement: str) -> Observed:
        with self._session() as session, session.snapshot():
            facts = {
                "roles": session.rows(ROLES, [login, entitlement]),
                "grantors": session.rows(GRANTORS, login=login, entitlement=entitlement),
                "paths": session.rows(PATHS, login=login, entitlement=entitlement),
                "passes": session.rows(PASSES, login=login, entitlement=entitlement),
            }
            return _judged(facts, login, entitlement, session.source)

    def check(self) -> str:
        with self._session() as session:
            rows = session.rows("SELECT current_user AS name, version() AS version")
            return f"{session.source} answers as {rows[0]['name']}: {rows[0]['version'].partition(' on ')[0]}"

    @contextmanager
    def _session(self) -> Iterator["_Session"]:
        """A fresh connection that is cut when the total deadline comes. Raises Unreachable, Refused."""
        started = time.monotonic()
        with self._connected() as connection:
            left = self.deadlines.total - (time.monotonic() - started)
            with _cut_after(left, connection) as cut:
                session = _Session(connection, self._source(connection))
                with _translated(session, cut, self.deadlines.total):
                    session.refuse_standby()
                    yield session

    def _connected(self) -> Connection:
        waits = f"-c statement_timeout={_ms(self.deadlines.read)} -c lock_timeout={_ms(self._lock_wait())}"
        parts = {
            **self._parts,
            **_pinned(self._parts),
            "options": f"{self._parts.get('options', '')} {waits}".strip(),
            "connect_timeout": math.ceil(self.deadlines.connect),
            "application_name": "leasehold",
        }
        try:
            return psycopg.connect(**parts, autocommit=True, row_factory=dict_row)
        except psycopg.Error as error:
            msg = f"PostgreSQL at {_place(self._parts)} was not reached: {_first_line(error)}"
            raise Unreachable(msg, sent=False) from error

    def _lock_wait(self) -> float:
        return min(LONGEST_LOCK_WAIT, self.deadlines.read)

    def _source(self, connection: Connection) -> str:
        info = connection.info
        host = "local" if info.host.startswith("/") else info.host or info.hostaddr
        return f"{host}:{info.port}/{info.dbname}"


@dataclass(slots=True)
class _Session:
    """One connection, and whether a change was sent over it whose outcome is not known yet."""

    connection: Connection
    source: str
    in_doubt: bool = False

    def rows(self, query: str, *positional: Any, **named: Any) -> list[dict[str, Any]]:
        return self.connection.execute(query.encode(), positional or named or None).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one moment, none of which can change anything."""
        self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self.connection.read_only = True
        with self.connection.transaction():
            yield

    def change(self, statements: "list[sql.Composed]") -> str:
        """Carry the statements out in one transaction; returns the server's answers and notices."""
        answers: list[str] = []
        self.connection.add_notice_handler(lambda notice: answers.append(notice.message_primary or ""))
        self.in_doubt = True
        with self.connection.transaction():
            answers += [self.connection.execute(statement).statusmessage or "" for statement in statements]
        self.in_doubt = False
        return "; ".join(answers)

    def refuse_standby(self) -> None:
        """A standby takes no change, and what it says may be old. Raises Refused."""
        if self.rows("SELECT pg_is_in_recovery() AS standby")[0]["standby"]:
            msg = f"{self.source} is a standby: it takes no change and proves nothing."
            raise Refused(msg)


def _parsed(dsn: str, reader: Settings) -> Mapping[str, Any]:
    """The address in parts. What is wrong with it is said without repeating it: it holds a password."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.Error:
        reader.problem("dsn_env", "names a variable whose value is no address of a PostgreSQL database")
        return {}
    if any("," in str(parts.get(part, "")) for part in ("host", "hostaddr", "port")):
        reader.problem("dsn_env", "names a variable with several hosts; one server is governed, and read back")
    return parts


def _pinned(parts: Mapping[str, Any]) -> dict[str, str]:
    """The address that the host has now, to be connected to; nothing for a Unix socket."""
    host = str(parts.get("host") or "")
    if given := parts.get("hostaddr"):
        refuse_impossible(host or str(given), str(given))
        return {}
    if not host or host.startswith(("/", "@")):
        return {}
    return {"hostaddr": resolve(host, int(parts.get("port") or DEFAULT_PORT))}


def _place(parts: Mapping[str, Any]) -> str:
    return f"{parts.get('host') or parts.get('hostaddr') or 'the local socket'}:{parts.get('port') or DEFAULT_PORT}"


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextmanager
def _cut_after(seconds: float, connection: Connection) -> Iterator[threading.Event]:
    """Shut the connection's socket down when the time is over, so that whoever waits for it wakes up with an error.

    The server's own timeouts can't do that: a server that hangs does not look at its clock. A duplicate of the
    descriptor is shut down, since the number of a closed one may belong to something else by then.
    """
    cut = threading.Event()
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:

        def shut() -> None:
            cut.set()
            with suppress(OSError):
                duplicate.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.0, seconds), shut)
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _translated(session: _Session, cut: threading.Event, total: float) -> Iterator[None]:
    """The driver's errors as the two that the portal knows. What it does not recognise needs a person."""
    try:
        yield
    except REFUSALS as error:
        raise Refused(f"{session.source}: {_first_line(error)}") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        why = f"no answer within {total:g} seconds" if cut.is_set() else _first_line(error)
        raise Unreachable(f"{session.source}: {why}", sent=session.in_doubt) from error
    except psycopg.Error as error:
        raise Refused(f"{session.source}: {_first_line(error)}") from error


def _require_grantable(session: _Session, login: str, entitlement: str) -> None:
    known = {row["rolname"]: row["rolsuper"] for row in session.rows(ROLES, [login, entitlement])}
    for name in (login, entitlement):
        if name not in known:
            msg = f"{session.source} has no role {name}."
            raise Refused(msg)
        if known[name]:
            msg = f"{name} is a superuser on {session.source}: nothing that it may do would be checked."
            raise Refused(msg)
    above = session.rows(CONFERS_SUPERUSER, entitlement=entitlement)
    if above:
        msg = f"{entitlement} is a member of {above[0]['rolname']}, a superuser on {session.source}."
        raise Refused(msg)


def _revoke(session: _Session, login: str, entitlement: str, grantor: str | None) -> sql.Composed:
    statement = sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(entitlement), sql.Identifier(login))
    if grantor is None or session.connection.info.server_version < GRANTORS_SINCE:
        return statement
    return statement + sql.SQL(" GRANTED BY {}").format(sql.Identifier(grantor))


def _judged(facts: dict[str, list[dict[str, Any]]], login: str, entitlement: str, source: str) -> Observed:
    """What the catalog says of the pair. A name that does not exist holds nothing, and is held by nobody."""
    observation, detail = _words(facts, login, entitlement)
    return Observed(
        observation=observation,
        answer=json.dumps(facts, sort_keys=True, separators=(",", ":")).encode(),
        method=METHOD,
        source=source,
        detail=detail,
        paths=tuple(tuple(row["path"]) for row in facts["paths"]),
    )


def _words(facts: dict[str, list[dict[str, Any]]], login: str, entitlement: str) -> tuple[Observation, str]:
    known = {row["rolname"] for row in facts["roles"]}
    if facts["grantors"]:
        grantors = ", ".join(str(row["grantor"] or "a role that is gone") for row in facts["grantors"])
        return Observation.PRESENT, f"{login} is a direct member of {entitlement}, granted by {grantors}"
    if facts["paths"]:
        ways = "; ".join(" → ".join([login, *row["path"]]) for row in facts["paths"])
        return Observation.OTHER_PATH, f"not a direct member, but through {ways}"
    if login == entitlement or any(row["passes"] for row in facts["passes"]):
        return Observation.OTHER_PATH, f"{login} passes for a member of {entitlement}: a superuser, or the owner"
    for name in (login, entitlement):
        if name not in known:
            return Observation.ABSENT, f"there is no role {name}"
    return Observation.ABSENT, f"{login} is no member of {entitlement}, neither directly nor through another role"
