"""The database and the cache that the tests run against: those named in the environment, or ones of our own."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from config.embedded.place import temporary
from config.embedded.postgres import Postgres
from config.embedded.supervisor import Supervisor, supervising
from config.embedded.valkey import Valkey


@contextmanager
def started() -> Iterator[None]:
    """Start what the environment doesn't name, and name it there, for this process and those it starts."""
    with ExitStack() as held:
        missing = {"DATABASE_URL", "REDIS_URL"} - os.environ.keys()
        if missing:
            supervisor = held.enter_context(own_supervisor())
        if "REDIS_URL" in missing:
            os.environ["REDIS_URL"] = _started_valkey(supervisor)
        if "DATABASE_URL" in missing:
            os.environ["DATABASE_URL"] = started_postgres(supervisor, "database", "leasehold", "leasehold")
        yield


@contextmanager
def own_supervisor() -> Iterator[Supervisor]:
    """A supervisor in a place that is removed at the end."""
    with temporary() as place, supervising(place) as supervisor:
        yield supervisor


def started_postgres(supervisor: Supervisor, name: str, admin: str, database: str) -> str:
    """Start a new PostgreSQL cluster; returns the address of its database, for its superuser.

    TEST_POSTGRES names the folder of another release's programs than those that `make run` starts.
    """
    programs = Path(os.environ["TEST_POSTGRES"]) if os.environ.get("TEST_POSTGRES") else None
    password = secrets.token_urlsafe()
    server = Postgres(supervisor.place, name, admin, database, password, volatile=True, programs=programs)
    supervisor.start_servers(server)
    return server.url


def _started_valkey(supervisor: Supervisor) -> str:
    server = Valkey(supervisor.place, secrets.token_urlsafe(), volatile=True)
    supervisor.start_servers(server)
    return server.url


def numbered(redis_url: str, number: int) -> str:
    """The address of another of the server's databases: each process that runs tests has one of its own."""
    address = urlsplit(redis_url)
    if address.scheme == "unix":
        return urlunsplit(address._replace(query=f"db={number}"))
    return urlunsplit(address._replace(path=f"/{number}"))
