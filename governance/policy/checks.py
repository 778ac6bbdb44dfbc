"""What is wrong with a wording, field by field and with its place in the text: for whoever is writing it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from governance.policy.cel import ConditionError, complaints
from governance.policy.consequences import Consequence, ConsequenceError, StepSpec, read
from governance.policy.criteria import problem
from governance.policy.facts import EXAMPLE, flat
from governance.policy.rules import sayable
from governance.policy.states import Mode
from governance.policy.words import TemplateError, rendered

_TOKEN: Final = re.compile(r"[\w.]+|'[^']*'?|\"[^\"]*\"?|[=!<>&|]+|\S")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong at one field: `condition`, `outcomes`, `reason` or `mode`.

    Of a condition `line` and `column` say where, counted from 1, `start` and `length` which part of that line is meant;
    elsewhere they are 0. `expected` is the type that would do, where there is one.
    """

    field: str
    message: str
    line: int = 0
    column: int = 0
    start: int = 0
    length: int = 0
    expected: str = ""

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.message}" if self.line else self.message


def faults(condition: str, outcomes: object, reason: str, mode: str = Mode.BLOCK) -> tuple[Fault, ...]:
    """Everything that keeps such a wording from being kept; `outcomes` in the JSON form of `consequences.read`."""
    return (*_of_condition(condition), *_of_the_rest(outcomes, reason, mode))


def _of_condition(text: str) -> Iterator[Fault]:
    for error in complaints(text):
        start, length = _part(text, error)
        place = {"line": error.line, "column": error.column, "start": start, "length": length}
        yield Fault("condition", error.message, expected=error.expected, **place)


def _part(text: str, error: ConditionError) -> tuple[int, int]:
    """The word or sign that stands at the place, by its first column and length; nothing past the end of the line."""
    lines = text.split("\n")
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    for found in _TOKEN.finditer(line):
        if found.start() < error.column <= found.end():
            return found.start() + 1, found.end() - found.start()
    return error.column, 0


def _of_the_rest(outcomes: object, reason: str, mode: str) -> Iterator[Fault]:
    consequence = Consequence()
    try:
        consequence = read(outcomes)
    except ConsequenceError as error:
        yield Fault("outcomes", str(error))
    yield from _of_steps(consequence.steps)
    try:
        _say(reason, consequence)
    except TemplateError as error:
        yield Fault("reason", str(error))
    if mode not in Mode.values:
        yield Fault("mode", f"A rule's mode is one of {', '.join(Mode.values)}.")
    elif mode == Mode.REQUIRE_APPROVAL and consequence.without_human:
        yield Fault("mode", "What allows without a human can't require an approval: ask for steps instead.")
    elif mode == Mode.REQUIRE_APPROVAL and consequence.break_glass is not None:
        yield Fault("mode", "Nobody approves break-glass beforehand, so it can't require an approval.")


def _of_steps(steps: Iterable[StepSpec]) -> Iterator[Fault]:
    """What is wrong with the conditions and criteria of steps."""
    for step in steps:
        for error in complaints(step.when) if step.when else ():
            yield Fault("outcomes", f"{step.kind.label}, when it is taken: {error}")
        for wrong in filter(None, map(problem, step.counts)):
            yield Fault("outcomes", f"{step.kind.label}, who counts: {wrong}")


def _say(reason: str, consequence: Consequence) -> None:
    if not reason.strip():
        raise TemplateError("Say in words that a requester can read why this follows.")
    values: dict[str, Any] = {**flat(EXAMPLE), **sayable(consequence)}
    rendered(reason, values)
