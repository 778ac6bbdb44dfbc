"""Limits of size, and what must stand nowhere."""

import ast
from pathlib import Path

from config.paths import ROOT
from tests.architecture import source

MODULE_LINES = 500
FUNCTION_LINES = 40

# Put together here, so that this file is none of those it looks for.
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
REGISTRY_OPTIONS = ["--" + "index-url", "--" + "extra-index-url", "--" + "find-links"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def long_functions(path: Path) -> list[str]:
    functions = [node for node in ast.walk(source.parsed(path)) if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno >= FUNCTION_LINES]


class TestModules:
    def test_are_short(self) -> None:
        lengths = {name(path): len(path.read_text().splitlines()) for path in source.modules()}
        assert not {path: length for path, length in lengths.items() if length > MODULE_LINES}

    def test_have_short_functions(self) -> None:
        found = {name(path): long_functions(path) for path in source.modules()}
        assert not {path: functions for path, functions in found.items() if functions}


class TestFiles:
    def test_name_no_package_registry(self) -> None:
        """Where packages come from is each machine's own affair, and no business of a lock file."""
        unwanted = [text.encode() for text in REGISTRY_HOSTS + REGISTRY_OPTIONS]
        assert not [name(path) for path in source.files() if any(text in path.read_bytes() for text in unwanted)]
