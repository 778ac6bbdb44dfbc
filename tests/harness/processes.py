"""What a test has to know about processes of the machine."""

import time
from collections.abc import Callable
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """The processes that `pid` has started, and those that they have started."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found: set[int] = set()
    generation = {pid}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation}
        found |= generation
    return found


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that still run."""
    return {pid for pid in pids if _state(Path("/proc") / str(pid)) not in {None, "Z", "X"}}


def runs(pid: int, argument: str) -> bool:
    """Whether `pid` was started with this argument."""
    return argument.encode() in (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")


def wait_until(reached: Callable[[], bool], *, seconds: float) -> bool:
    """Whether `reached()` within `seconds`."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _status(entry: Path) -> list[str]:
    """State and parent, which follow the name in parentheses."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(entry: Path) -> int | None:
    status = _status(entry)
    return int(status[1]) if status else None


def _state(entry: Path) -> str | None:
    status = _status(entry)
    return status[0] if status else None
