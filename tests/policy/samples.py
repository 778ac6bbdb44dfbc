"""Facts and rules for the pure tests: the documented example, with what a test changes."""

from dataclasses import replace
from functools import reduce
from typing import Any

from governance.policy.consequences import read
from governance.policy.facts import EXAMPLE, Facts
from governance.policy.rules import RuleData
from governance.policy.states import Mode


def facts(**changes: Any) -> Facts:
    """The example, with facts changed by name: `facts(identity__kind="person", assurance=1)`."""
    return reduce(_changed, changes.items(), EXAMPLE)


def _changed(known: Facts, change: tuple[str, Any]) -> Facts:
    name, value = change
    group, _, fact = name.partition("__")
    if not fact:
        return replace(known, **{group: value})
    return replace(known, **{group: replace(getattr(known, group), **{fact: value})})


def rule(
    key: str, condition: str = "true", reason: str = "Because.", mode: Mode = Mode.BLOCK, **outcomes: Any
) -> RuleData:
    """A rule in force: `rule("POL-01", steps=["manager"])`, `rule("POL-02", cap_seconds=60)`."""
    if "steps" in outcomes:
        outcomes["steps"] = [{"kind": kind} for kind in outcomes["steps"]]
    return RuleData(key, 1, condition, read(outcomes), reason, mode=mode)
