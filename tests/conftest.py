"""Servers before everything else, then what all tests share."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import django
import pytest
from django.db import connection

from config import env
from tests.harness import portal as portals
from tests.harness import servers

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OUTSIDE = "not beside the checkout"
"""Says that a test's data is published elsewhere and not part of the project: no package could bring it."""
REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

held = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, then set Django up: its settings read the addresses from the environment."""
    stack = config.stash[held] = ExitStack()
    if _only_distributes(config):
        return
    _forget_environment()
    os.environ |= {variable.name: str(variable.development) for variable in (env.SECRET_KEY, env.AUDIT_SIGNING_KEY)}
    os.environ["PUBLIC_URL"] = "https://leasehold.example"
    os.environ["EMAIL_URL"] = "smtp://127.0.0.1"  # as in production; Django's test runner keeps mail in memory
    stack.enter_context(servers.started())
    os.environ["REDIS_URL"] = servers.numbered(os.environ["REDIS_URL"], _worker_number())
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright keeps an event loop in the tests' thread
    django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    config.stash[held].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses the portal comes last: from its first use on, its workers take up whatever other tests queue."""
    items.sort(key=lambda item: "portal" in getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    """Spare the collector what stays until the end, and have it come less often: a tenth of the time is its own."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under REQUIRE_ALL=1 a test that is skipped has failed."""
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under REQUIRE_ALL=1 a module that is skipped has failed."""
    return _required((yield))


def _only_distributes(config: pytest.Config) -> bool:
    """Whether the tests run in processes of xdist. Each has servers of its own: one process's open transaction
    holds back the sealing of every log in its cluster.
    """
    return not hasattr(config, "workerinput") and bool(config.getoption("numprocesses", None))


def _required(report: Report) -> Report:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail") and OUTSIDE not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL=1 allows no skip: {report.longrepr}"
    return report


def _forget_environment() -> None:
    """Only the servers may come from outside: tests see the same configuration everywhere."""
    for variable in env.VARIABLES:
        if variable not in {env.DATABASE_URL, env.REDIS_URL}:
            os.environ.pop(variable.name, None)


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The test database, migrated; what migrations have put there survives every reset."""
    with django_db_blocker.unblock():
        connection.ops.keep_pristine()  # type: ignore[attr-defined]  # tests.harness.database


@pytest.fixture(scope="session")
def target_postgres() -> Iterator[str]:
    """A database server to be governed, apart from the portal's own: the address for its superuser."""
    with servers.own_supervisor() as supervisor:
        yield servers.started_postgres(supervisor, "target", "target_admin", "target")


@pytest.fixture(scope="session")
def _portal(django_db_setup: None, target_postgres: str) -> Iterator[portals.Portal]:
    database_url = _of_test_database(os.environ["DATABASE_URL"])
    redis_url = os.environ["REDIS_URL"]
    with portals.running(database_url=database_url, redis_url=redis_url, target=target_postgres) as portal:
        yield portal


@pytest.fixture
def portal(_portal: portals.Portal, transactional_db: None) -> portals.Portal:
    """Web server, worker and beat as processes of their own, on the database that the test writes to."""
    return _portal


def _of_test_database(url: str) -> str:
    base, _, query = url.partition("?")
    return f"{base.rpartition('/')[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium, which needs no download."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"no {CHROMIUM}: apt-get install chromium")
    return {"executable_path": CHROMIUM, "args": CHROMIUM_ARGUMENTS}
