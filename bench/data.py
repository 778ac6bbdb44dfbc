"""A database server of the benchmarks' own, with an organisation for each size, generated once and kept.

It stays beside the checkout's other data. Benchmarks undo what they do, so that the next begins where they began.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.sizes import SIZES
from config import env
from config.embedded import keys
from config.embedded.place import Place, of_checkout
from config.embedded.postgres import Postgres
from config.embedded.supervisor import supervising
from config.paths import ROOT

SERVER = {"max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off", "jit": "off"}
"""Nothing that comes when it likes may come while something is measured."""


@contextmanager
def server() -> Iterator[Postgres]:
    """The server, running until the end of the block."""
    usual = of_checkout(ROOT)
    place = Place(
        usual.data.with_name(f"{usual.data.name}-bench"),
        usual.sockets.with_name(f"{usual.sockets.name}b"),
        usual.account,
    )
    with supervising(place) as supervisor:
        kept = keys.kept(place.data / "secrets.json", ["DATABASE"])
        postgres = Postgres(place, "database", "leasehold", "bench", kept["DATABASE"])
        supervisor.start_servers(postgres)
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            for name, value in SERVER.items():
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
            connection.execute("SELECT pg_reload_conf()")
        yield postgres


def measured(postgres: Postgres, name: str, size: str) -> dict[str, Any]:
    """One benchmark's result, measured by a process of its own."""
    prepared(postgres, size)
    module = f"bench.{name.replace('-', '_')}"
    environ = _environ(postgres, size)
    others = [] if name != "pages" else [prepared(postgres, "S")]
    _run(environ, "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    if name != "request-flow":
        return dict(json.loads(_run(environ, "-m", module, size, *others)))
    with copied(postgres, size) as address:
        environ |= {"DATABASE_URL": address, "TARGET_BENCH_DSN": _address(postgres, "postgres")}
        return dict(json.loads(_run(environ, "-m", module, size)))


def prepared(postgres: Postgres, size: str) -> str:
    """The address of the size's database, made and filled unless it is there already."""
    name = f"bench_{size.lower()}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
        if there is None:
            unfinished = f"{name}_unfinished"
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(unfinished)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            _fill(postgres, size, unfinished)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(name)))
        else:  # by an earlier state of the checkout, perhaps
            _run(_environ(postgres, size), "manage.py", "migrate", "--verbosity", "0")
    return _address(postgres, name)


@contextmanager
def copied(postgres: Postgres, size: str) -> Iterator[str]:
    """The address of a copy of the size's database, which is dropped afterwards: what is done in it stays done."""
    template, copy = (sql.Identifier(f"bench_{size.lower()}{end}") for end in ("", "_copy"))
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(copy))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, template))
        try:
            yield _address(postgres, f"bench_{size.lower()}_copy")
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(copy))


def _fill(postgres: Postgres, size: str, database: str) -> None:
    environ = {**_environ(postgres, size), "DATABASE_URL": _address(postgres, database)}
    scale = SIZES[size]
    _run(environ, "manage.py", "migrate", "--verbosity", "0")
    amount = ["--people", str(scale.people), "--grants", str(scale.grants)]
    sys.stderr.write(_run(environ, "manage.py", "generate_organisation", *amount))
    with psycopg.connect(_address(postgres, database), autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE, FREEZE)")


def _address(postgres: Postgres, name: str) -> str:
    return postgres.url.replace(f"/{postgres.database}?", f"/{name}?")


def _environ(postgres: Postgres, size: str) -> dict[str, str]:
    """As in the demonstration; nothing listens where messages would go."""
    shown = {one.name: str(one.development) for one in (env.SECRET_KEY, env.AUDIT_SIGNING_KEY, env.PUBLIC_URL)}
    return {
        **os.environ,
        **shown,
        "DEMO_MODE": "true",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": _address(postgres, f"bench_{size.lower()}"),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "HOST": "127.0.0.1",
        "STATIC_ROOT": str(postgres.place.data / "static"),
        "LOG_LEVEL": "ERROR",
        "EMAIL_URL": "console:",
    }


def _run(environ: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, *arguments], check=True, cwd=Path(ROOT), env=environ, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
