"""Child processes that never outlive this one, not even if it is killed with SIGKILL."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from config.embedded.errors import CantRunError
from config.embedded.place import Account, identity

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 15
TAIL_LINES = 15


class ChildDiedError(CantRunError):
    """A child ended that should have run on; the message has the end of its log."""


class NotReadyError(CantRunError):
    """A child took too long to become ready."""


class Program(NamedTuple):
    """What to start, and the signal that tells it to stop.

    `orphaned` is the signal it gets if this process dies. A program with children of its own needs one that lets it
    stop them.
    """

    name: str
    arguments: list[str]
    stop: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGTERM
    stdin: str = ""
    account: Account | None = None


class Child:
    """A running program, with its output in a file."""

    def __init__(
        self, program: Program, *, directory: Path, log: Path, env: Mapping[str, str], keep: tuple[int, ...] = ()
    ) -> None:
        """Start `program`. Only from the main thread: on Linux a child's parent is the thread that made it.

        Of this process's open files, the child inherits those in `keep`.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started from the main thread")
        self.program = program
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - the programs are our own choice
                program.arguments,
                cwd=directory,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop the children in order
                pass_fds=keep,
                preexec_fn=_tied_to(os.getpid(), program.orphaned),  # noqa: PLW1509 - we have one thread here
                **identity(program.account),
            )
        with self.process.stdin or open(os.devnull, "wb") as stdin:  # noqa: PTH123
            stdin.write(program.stdin.encode())

    def check(self) -> None:
        """Raise ChildDiedError if the program has ended."""
        if self.process.poll() is not None:
            raise ChildDiedError(f"{self.program.name} ended with {self.process.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when `ready()`. Raises ChildDiedError if the program ends, NotReadyError after `seconds`."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise NotReadyError(f"{self.program.name} is not ready after {seconds:.0f} seconds:\n{self.tail()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask the program to stop; after some time, make it and what it has started."""
        if self.process.poll() is None:
            self.process.send_signal(self.program.stop)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        _end_session(self.process.pid)


def _end_session(leader: int) -> None:
    """Kill what is left of a program that we were the first process of."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _tied_to(parent: int, signum: signal.Signals) -> Callable[[], None]:
    """What a new child does first: ask the kernel for a signal when its parent dies.

    It has to come after the change of account, which forgets it; Popen calls it last. Only Linux offers it; elsewhere
    children are stopped by their parent alone.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def tie() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def end_with_parent() -> None:
    """Have this process told to stop when its own parent dies."""
    _tied_to(os.getppid(), signal.SIGTERM)()
