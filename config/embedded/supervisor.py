"""Starts programs in order, watches them, stops them in the opposite order."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.embedded import locks
from config.embedded.children import Child, NotReadyError, Program
from config.embedded.place import Place
from config.embedded.postgres import Postgres
from config.embedded.scim import Scim
from config.embedded.valkey import Valkey

SERVER_SECONDS = 60


class Supervisor:
    """The programs that run in one place."""

    def __init__(self, place: Place, keep: int) -> None:
        self.place = place
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self._keep = keep
        self._children: list[Child] = []

    def start(self, program: Program, *, directory: Path | None = None, env: Mapping[str, str] | None = None) -> Child:
        """Start `program` and watch it from now on."""
        child = Child(
            program,
            directory=directory or self.place.data,
            log=self.logs / f"{program.name}.log",
            env=env if env is not None else {"PATH": os.defpath, "LC_ALL": "C"},
            keep=(self._keep,),
        )
        self._children.append(child)
        return child

    def start_servers(self, *servers: Postgres | Valkey | Scim) -> None:
        """Start the servers and return when all answer. Raises ChildDiedError or NotReadyError."""
        started = [(self.start(server.program()), server) for server in servers]
        for child, server in started:
            child.wait_until(server.ready, seconds=SERVER_SECONDS)

    def finish(self, program: Program, *, directory: Path, env: Mapping[str, str]) -> Path:
        """Run `program` to its end and return its log. Raises ChildDiedError if it fails."""
        child = self.start(program, directory=directory, env=env)
        child.process.wait()
        self._children.remove(child)
        if child.process.returncode != 0:
            child.check()
        return child.log

    @property
    def logs(self) -> Path:
        """The directory with a file for each program's output."""
        return self.place.data / "log"

    def watch(self, until: Callable[[], bool] = lambda: False, seconds: float = math.inf) -> None:
        """Return when `until()`. Raises ChildDiedError as soon as any program ends, NotReadyError after `seconds`."""
        end = time.monotonic() + seconds
        while not until():
            for child in self._children:
                child.check()
            if time.monotonic() > end:
                tails = "\n".join(f"{child.program.name}:\n{child.tail()}" for child in self._children)
                raise NotReadyError(f"Not ready after {seconds:.0f} seconds.\n{tails}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop every program, the last started first."""
        while self._children:
            self._children.pop().stop()


@contextmanager
def supervising(place: Place) -> Iterator[Supervisor]:
    """Hold `place` and run programs in it; at the end all are stopped. Raises InUseError, PlaceError."""
    with ExitStack() as held:
        place.prepare()
        held.enter_context(locks.sole_supervisor(place.data))
        supervisor = Supervisor(place, held.enter_context(locks.children_gone(place.data)))
        held.callback(supervisor.stop)
        yield supervisor
