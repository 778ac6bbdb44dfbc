"""Who may use a place: one supervisor at a time, and only once everything that an earlier one started has ended."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.errors import CantRunError

LEFTOVERS_SECONDS = 20


class InUseError(CantRunError):
    """Another process holds the place."""


@contextmanager
def sole_supervisor(data: Path) -> Iterator[None]:
    """Hold the place for this process. Raises InUseError if another holds it."""
    with _opened(data / "supervisor.lock") as descriptor:
        if not _locked(descriptor):
            raise InUseError(f"Leasehold runs from this clone already (it holds {data}).")
        yield


@contextmanager
def children_gone(data: Path) -> Iterator[int]:
    """Wait until no child of an earlier supervisor is left; yields the open file that children are to inherit.

    The lock belongs to the open file, so whoever inherits it keeps it, and it is free when the last of them has
    ended, however that came about. Raises InUseError if that takes too long.
    """
    with _opened(data / "children.lock") as descriptor:
        end = time.monotonic() + LEFTOVERS_SECONDS
        while not _locked(descriptor):
            if time.monotonic() > end:
                raise InUseError(f"Servers of an earlier run still use {data} and do not end.")
            time.sleep(0.1)
        yield descriptor


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
