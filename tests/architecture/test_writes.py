"""Writes that leave no history: only the plumbing that writes the history itself may use them."""

import ast
from collections.abc import Iterator

import pytest

from config.paths import ROOT
from tests.architecture import source

UNRECORDED = {"update", "bulk_create", "bulk_update", "_raw_delete"}
ALLOWED = (
    "governance/core/",  # the one door
    "governance/management/",  # data for demonstrations
    "governance/analysis/moves.py",  # findings are what a replay found, under a digest in the event of its end
    "governance/approvals/moves.py",  # whom a step asks follows from owners and teams, and is an event of the step
    "governance/notifications/moves.py",  # a message is not governed
)


def unrecorded_writes(tree: ast.Module) -> Iterator[str]:
    """Calls of such a method. A dictionary's or a hash's `update` takes no keywords, or only a mapping."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in UNRECORDED:
            named = [keyword for keyword in node.keywords if keyword.arg]
            if node.func.attr != "update" or (named and not node.args):
                yield f"line {node.lineno}: {node.func.attr}()"


class TestModules:
    def test_write_nothing_past_the_history(self) -> None:
        paths = {str(path.relative_to(ROOT)): path for path in source.modules("governance")}
        found = {
            name: writes
            for name, path in paths.items()
            if not name.startswith(ALLOWED) and (writes := list(unrecorded_writes(source.parsed(path))))
        }
        assert not found


class TestUnrecordedWrites:
    @pytest.mark.parametrize(
        "line", ["Grant.objects.filter(pk=1).update(state='active')", "Grant.objects.bulk_create(rows)"]
    )
    def test_are_found(self, line: str) -> None:
        assert list(unrecorded_writes(ast.parse(line)))

    @pytest.mark.parametrize("line", ["values.update({'a': 1})", "digest.update(b'a')", "values.update(**more)"])
    def test_are_not_what_dictionaries_and_hashes_do(self, line: str) -> None:
        assert not list(unrecorded_writes(ast.parse(line)))
