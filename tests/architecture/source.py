"""The project's own files, and the order of its packages as the import contracts have it."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.paths import ROOT

NOT_OURS = {".git", ".venv", ".data", "staticfiles", "node_modules", "test-results", "__pycache__"}
PYTHON = ("bench", "config", "governance", "tests")


def files() -> Iterator[Path]:
    """Every file of the project that a commit could hold."""
    for directory, names, found in os.walk(ROOT):
        names[:] = [name for name in names if name not in NOT_OURS and not name.endswith("_cache")]
        yield from (Path(directory) / name for name in found)


def modules(*tops: str) -> Iterator[Path]:
    """The Python modules under the given directories, all by default, without migrations."""
    for top in tops or PYTHON:
        yield from (path for path in (ROOT / top).rglob("*.py") if "migrations" not in path.parts)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def contracts() -> list[dict[str, Any]]:
    """The contracts that import-linter checks."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return list(tomllib.load(file)["tool"]["importlinter"]["contracts"])


def layers() -> list[set[str]]:
    """The packages of governance, the highest layer first."""
    return [set(re.findall(r"\w+", layer)) for layer in contracts()[0]["layers"]]


def rungs() -> set[str]:
    """The modules that a package's ladder is made of."""
    return {rung.strip("()") for rung in contracts()[1]["layers"]}
