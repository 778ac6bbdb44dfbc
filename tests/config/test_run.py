"""`make run`, from a copy of the checkout with data of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import network
from config.env import VARIABLES
from config.paths import ROOT
from tests.harness import processes

PARTS = ("config", "governance", "templates", "static", "manage.py")
READY_SECONDS = 90


class Checkout:
    """A copy of the project, and the commands of `make run` and `make reset` in it."""

    def __init__(self, directory: Path) -> None:
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, directory / part)
        self.directory = directory
        self.port = network.free_port("127.0.0.1")
        self.output = directory / "output"
        self.started: list[subprocess.Popen[bytes]] = []
        ours = {variable.name for variable in VARIABLES} | {"DJANGO_SETTINGS_MODULE"}
        self._env = {name: value for name, value in os.environ.items() if name not in ours}

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "config.run", *arguments],
                cwd=self.directory,
                env=self._env | {"PORT": str(self.port)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def remove(self) -> None:
        """Stop what a test that failed has left running, and delete the data."""
        for process in self.started:
            process.terminate()
            process.wait()
        self.start("reset").wait()

    def says(self, text: str, *, seconds: float = READY_SECONDS) -> bool:
        return processes.wait_until(lambda: text in self.output.read_text(), seconds=seconds)

    def answers(self) -> bool:
        return network.answers(f"http://127.0.0.1:{self.port}/health/ready")


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    with tempfile.TemporaryDirectory(prefix="leasehold-run-") as directory:
        copy = Checkout(Path(directory))
        yield copy
        copy.remove()


class TestRun:
    def test_serves_until_it_is_stopped_and_leaves_nothing(self, checkout: Checkout) -> None:
        """One checkout all along: the first start, which makes everything, takes the longest by far."""
        first = checkout.start()
        assert checkout.says(f"Leasehold runs at http://localhost:{checkout.port}\n"), checkout.output.read_text()
        assert checkout.answers()
        everything = processes.descendants(first.pid)
        assert checkout.start().wait() == 1
        assert checkout.says("runs from this clone already")
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert processes.wait_until(lambda: not processes.alive(everything), seconds=15)
        self._stops_when_told_to(checkout)
        self._says_which_program_has_died(checkout)

    def _stops_when_told_to(self, checkout: Checkout) -> None:
        again = checkout.start()
        assert checkout.says("Leasehold runs at"), checkout.output.read_text()
        everything = processes.descendants(again.pid)
        again.send_signal(signal.SIGINT)
        assert again.wait() == 0
        assert not processes.alive(everything)

    def _says_which_program_has_died(self, checkout: Checkout) -> None:
        running = checkout.start()
        assert checkout.says("Leasehold runs at"), checkout.output.read_text()
        worker = next(pid for pid in processes.descendants(running.pid) if processes.runs(pid, "worker"))
        os.kill(worker, signal.SIGKILL)
        assert running.wait() == 1
        assert checkout.says("worker ended with -9")

    def test_says_that_the_port_is_taken(self, checkout: Checkout) -> None:
        with socket.create_server(("127.0.0.1", checkout.port)):
            assert checkout.start().wait() == 1
        assert checkout.says("Something else listens")
