"""Writes docs/configuration.md and .env.example from the list of variables in `config.env`."""

import argparse
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from config.env import VARIABLES, Variable
from config.paths import ROOT

INTRODUCTION = """\
# Configuration

Leasehold is configured by environment variables, all of which stand here. At the start every missing or invalid one is
named at once, and nothing starts. `make run` needs none of them. Nothing reads a file of variables by itself: hand
`.env.example`, filled in, to what starts your processes. *This page is generated from `config/env.py` by `make docs`.*

*Required* means that there is no safe default. With `DEBUG=true` a stand-in that everybody knows takes its place;
`make run` makes up secrets of its own and keeps them with its data.
"""


def main() -> None:
    """Write the files, or with --check fail if they are not up to date."""
    parser = argparse.ArgumentParser(prog="python -m config.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is out of date")
    check = parser.parse_args().check
    stale = outdated()
    if check and stale:
        sys.exit(f"Out of date: {', '.join(path.name for path in stale)}. Run: make docs")
    for path, text in stale.items():
        path.write_text(text)


def outdated() -> dict[Path, str]:
    """The files that differ from what they should be, each with the text it should have."""
    wanted = {ROOT / "docs/configuration.md": configuration_page(), ROOT / ".env.example": example()}
    return {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}


def configuration_page() -> str:
    """The text of docs/configuration.md."""
    sections = []
    for section, variables in groupby(VARIABLES, key=lambda variable: variable.section):
        rows = [_row(variable) for variable in variables]
        head = ["| variable | type | default | meaning |", "|---|---|---|---|"]
        sections.append("\n".join([f"## {section}", "", *head, *rows, ""]))
    return "\n".join([INTRODUCTION, *sections])


def example() -> str:
    """The text of .env.example: each variable with its meaning, set if it is required, commented out otherwise."""
    return "\n".join(_assignment(variable) for variable in VARIABLES)


def _row(variable: Variable[Any]) -> str:
    default = {None: "*required*", "": "*empty*"}.get(variable.default, f"`{variable.default}`")
    secret = " *Secret.*" if variable.secret else ""
    return f"| `{variable.name}` | {variable.kind.label} | {default} | {variable.meaning}{secret} |"


def _assignment(variable: Variable[Any]) -> str:
    required = variable.default is None
    return f"# {variable.meaning}\n{'' if required else '# '}{variable.name}={variable.default or ''}\n"


if __name__ == "__main__":
    main()
