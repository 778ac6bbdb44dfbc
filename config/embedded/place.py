"""Where the embedded servers keep their files, and as whom they run.

PostgreSQL refuses to run as root, so root starts the servers as `nobody`, with files where `nobody` gets to: a clone
under a home directory of mode 0700 is no such place. A normal user's servers run as that user, inside the clone.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.errors import CantRunError

SOCKET_PATH_MOST = 103  # bytes: macOS allows one less than this and a NUL, Linux 107
SOCKET_NAME_ROOM = len("/database/.s.PGSQL.5432")


class PlaceError(CantRunError):
    """The servers' files can't be kept there; the message says why."""


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int


def service_account() -> Account | None:
    """The account that servers run as if it is another than this process's own."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def identity(account: Account | None) -> dict[str, Any]:
    """What subprocess has to be told to run a program as `account`; None is the account of this process."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


@dataclass(frozen=True)
class Place:
    """A directory for data, one for sockets, and the account that the servers run as."""

    data: Path
    sockets: Path
    account: Account | None

    def prepare(self) -> None:
        """Make both directories. Raises PlaceError if somebody else has made them first."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o711 if self.account else 0o700)
        self.private(self.sockets)
        if len(os.fsencode(self.sockets)) + SOCKET_NAME_ROOM > SOCKET_PATH_MOST:
            raise PlaceError(f"{self.sockets} is too long a path for sockets")

    def private(self, directory: Path) -> Path:
        """Make `directory`, which only the servers' account may enter. Raises PlaceError if it is another's."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self._owner()}:
            raise PlaceError(f"{directory} belongs to somebody else")
        directory.chmod(0o700)
        self.give(directory)
        return directory

    def give(self, path: Path) -> None:
        """Make the servers' account the owner of `path`."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def remove(self) -> None:
        """Delete both directories and everything in them."""
        for directory in (self.sockets, self.data):
            shutil.rmtree(directory, ignore_errors=True)

    def _owner(self) -> int:
        return self.account.uid if self.account else os.geteuid()


def of_checkout(root: Path) -> Place:
    """The lasting place of the servers that belong to the checkout at `root`."""
    mark = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]
    account = service_account()
    data = Path("/var/lib/leasehold") / mark if account else root / ".data"
    return Place(data, _run_directory() / f"leasehold-{os.geteuid()}-{mark}", account)


@contextmanager
def temporary() -> Iterator[Place]:
    """A place that is removed at the end, for tests."""
    account = service_account()
    base = tempfile.gettempdir()
    directory = Path(tempfile.mkdtemp(prefix="leasehold-", dir=base if reachable(Path(base)) else "/tmp"))  # noqa: S108
    place = Place(directory, directory / "s", account)
    try:
        yield place
    finally:
        place.remove()


def reachable(directory: Path) -> bool:
    """Whether every account may enter `directory` and what lies above it."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (directory, *directory.parents))


def _run_directory() -> Path:
    """A directory with a short path for sockets, the user's own where the system provides one."""
    if os.geteuid() == 0 and Path("/run").is_dir():
        return Path("/run")
    own = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    if own.is_dir() and own.stat().st_uid == os.geteuid() and os.access(own, os.W_OK):
        return own
    return Path("/tmp")  # noqa: S108 - private() refuses a directory that somebody else made
