"""Conditions in the Common Expression Language, held so that whatever goes wrong can never mean yes.

The engine returns most run-time errors as values, and such a value is a truthy string: whoever asks `if value:` fails
open. Here a condition is True, False, or EvaluationFailed, and nothing else. No other module imports the engine.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

from cel_expr_python import cel

from governance.policy.facts import EXAMPLE, FAR_FUTURE, Facts, declarations, flat

LONGEST_CONDITION: Final = 4000
"""In characters."""

CACHED_CONDITIONS: Final = 2000


class ConditionError(Exception):
    """A condition that can't be kept. `line` and `column` count from 1 and say where; the message says what.

    `expected` is the type that would do, where there is one.
    """

    def __init__(self, message: str, line: int = 1, column: int = 1, expected: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.expected = expected

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.message}"


class EvaluationFailed(Exception):
    """A condition that has no answer for these facts. It must never count as one."""


@dataclass(frozen=True, slots=True)
class Given:
    """Facts made ready once for all conditions of a decision: as values by name, and as the engine takes them."""

    values: Mapping[str, Any]
    activation: Any


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A compiled condition."""

    text: str
    expression: Any

    def holds(self, given: Given) -> bool:
        """Whether it is true of the facts. Raises EvaluationFailed when there is neither a yes nor a no."""
        (answer,) = answers([self], given)
        if isinstance(answer, EvaluationFailed):
            raise answer
        return answer


def answers(conditions: Iterable[Condition], given: Given) -> list[bool | EvaluationFailed]:
    """For each condition whether it is true of the facts, or what kept it from saying yes or no.

    A failure is a truthy object, as any is: compare with `is True` and `is False`.
    """
    activation, found = given.activation, []
    for condition in conditions:
        try:
            answer = condition.expression.eval(activation).value()
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, it was no answer
            answer = error
        found.append(answer if answer is True or answer is False else EvaluationFailed(_told(answer)))
    return found


def compiled(text: str) -> Condition:
    """The condition, compiled once per text. Raises ConditionError where it is no question of yes or no."""
    if len(text) > LONGEST_CONDITION:
        msg = f"A condition has at most {LONGEST_CONDITION} characters."
        raise ConditionError(msg)
    return _compiled(text)


def checked(text: str) -> Condition:
    """The condition, compiled and tried on ordinary facts: some constants are only read when it runs.

    Raises ConditionError. Use it where a condition is entered.
    """
    condition = compiled(text)
    try:
        condition.holds(given(EXAMPLE))
    except EvaluationFailed as error:
        msg = f"It does not work on ordinary facts: {error}."
        raise ConditionError(msg) from error
    return condition


def complaints(text: str) -> tuple[ConditionError, ...]:
    """Everything that keeps a condition from being kept, in the order of its text; empty if nothing does.

    After a mistake in the grammar whatever follows is guesswork, so that one is told alone.
    """
    try:
        checked(text)
    except ConditionError as error:
        others = _others(text) if isinstance(error.__cause__, Exception) and len(text) <= LONGEST_CONDITION else ()
        return others or (error,)
    return ()


def _others(text: str) -> tuple[ConditionError, ...]:
    try:
        _environment().compile(text)
    except Exception as error:  # noqa: BLE001 - the engine has no class of its own for what it refuses
        found = _POSITION.findall(str(error))
        return (
            () if any(said.startswith(_GRAMMAR) for _, _, said in found) else tuple(_complaint(*one) for one in found)
        )
    return ()


def given(facts: Facts) -> Given:
    """The facts, ready for conditions. Raises EvaluationFailed if one is not of the type it is declared with."""
    return given_some(flat(facts))


def given_some(values: Mapping[str, Any]) -> Given:
    """Some facts by name, ready for conditions that name no others. Raises as `given`."""
    converters, data = _converters(), {}
    for name, value in values.items():
        try:
            data[name] = converters[name](value)
        except TypeError as error:
            msg = f"{name} is not of its declared type: {error}"
            raise EvaluationFailed(msg) from error
    return Given(values, _environment().Activation(data))


def type_name(declared: Any) -> str:
    """What conditions call a fact's type: `string`, `timestamp`, `list(string)`."""
    return _TYPES[declared].name


# Types ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    engine: Any
    convert: Callable[[Any], Any]


def _exactly(kind: type) -> Callable[[Any], Any]:
    """Takes values of the one type: a bool is no number, an id is no name."""

    def convert(value: Any) -> Any:
        if type(value) is not kind:
            msg = f"{type(value).__name__} instead of {kind.__name__}"
            raise TypeError(msg)
        return value

    return convert


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if not isinstance(value, str):
        msg = f"{type(value).__name__} instead of str"
        raise TypeError(msg)
    return str(value)


def _id(value: Any) -> str:
    return str(_exactly(UUID)(value))


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        msg = "no time with a time zone"
        raise TypeError(msg)
    return value


def _end(value: Any) -> datetime:
    return FAR_FUTURE if value is None else _moment(value)


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in _exactly(tuple)(value)]


def _numbers(value: Any) -> list[int]:
    return [_exactly(int)(item) for item in _exactly(tuple)(value)]


_TYPES: Final[Mapping[Any, _Type]] = {
    bool: _Type("bool", cel.Type.BOOL, _exactly(bool)),
    int: _Type("int", cel.Type.INT, _exactly(int)),
    str: _Type("string", cel.Type.STRING, _text),
    UUID: _Type("string", cel.Type.STRING, _id),
    datetime: _Type("timestamp", cel.Type.TIMESTAMP, _moment),
    datetime | None: _Type("timestamp", cel.Type.TIMESTAMP, _end),
    timedelta: _Type("duration", cel.Type.DURATION, _exactly(timedelta)),
    tuple[str, ...]: _Type("list(string)", cel.Type.List(cel.Type.STRING), _texts),
    tuple[int, ...]: _Type("list(int)", cel.Type.List(cel.Type.INT), _numbers),
}


@cache
def _converters() -> Mapping[str, Callable[[Any], Any]]:
    return {fact.name: _TYPES[fact.type].convert for fact in declarations()}


@cache
def _environment() -> Any:
    """The engine, knowing each fact by its full name: `identity.kind` and not a map that takes any key."""
    return cel.NewEnv(variables={fact.name: _TYPES[fact.type].engine for fact in declarations()})


# Compiling ------------------------------------------------------------------------------------------------------------

_POSITION = re.compile(r"<input>:(\d+):(\d+): (.*)")
_GRAMMAR: Final = "Syntax error: "
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'")


@lru_cache(maxsize=CACHED_CONDITIONS)
def _compiled(text: str) -> Condition:
    try:
        expression = _environment().compile(text)
    except Exception as error:
        raise _located(str(error)) from error
    if expression.return_type() != cel.Type.BOOL:
        msg = f"A condition is true or false; this is of type {expression.return_type().name().lower()}."
        raise ConditionError(msg, expected="bool")
    return Condition(text, expression)


def _located(complaint: str) -> ConditionError:
    """The engine's first complaint, with its position."""
    found = _POSITION.search(complaint)
    if found is None:
        return ConditionError(f"It can't be read: {_told(complaint)}.")
    return _complaint(*found.groups())


def _complaint(line: str, column: str, text: str) -> ConditionError:
    if found := _OVERLOAD.search(text):
        operation = found[1].strip("_@").replace("_", " ") or "This"
        types = re.sub(r"google\.protobuf\.(\w+)", lambda message: message[1].lower(), found[2]).split(", ")
        expected, where = _expected(operation, types)
        told = f"{operation} does not work on {' and '.join(types)}"
        message = f"{told}; {expected} is expected{where}." if expected else f"{told}."
        return ConditionError(message, int(line), int(column), expected)
    return ConditionError(_plainly(text), int(line), int(column))


def _expected(operation: str, types: Sequence[str]) -> tuple[str, str]:
    """The type that an operation on values of such types would take, and at which side; nothing where several would."""
    if operation in {"&&", "||", "!"}:
        return "bool", ""
    if operation == "? :":
        return ("bool", " before the question mark") if types[0] != "bool" else (types[1], " after the colon")
    if operation == "in":
        return f"list({types[0]})", " on its right"
    if operation in {"==", "!=", "<", "<=", ">", ">="}:
        return types[0], " on its right"
    return ("string", "") if operation in {"startsWith", "endsWith", "contains", "matches"} else ("", "")


def _plainly(complaint: str) -> str:
    if found := _UNDECLARED.search(complaint):
        return _unknown(found[1])
    text = _told(complaint.removeprefix(_GRAMMAR)).partition(" expecting {")[0]
    return text[:1].upper() + text[1:].replace("'<EOF>'", "at the end") + "."


def _unknown(name: str) -> str:
    close = get_close_matches(name, [fact.name for fact in declarations()], n=1)
    return f"There is no fact or function called {name}." + (f" Did you mean {close[0]}?" if close else "")


def _told(complaint: object) -> str:
    """One line of what the engine says, without its codes."""
    text = re.sub(r"\s*\[[A-Z_]+\]\s*$", "", str(complaint))
    return re.sub(r"^[A-Z_]+: ", "", text).split("\n")[0].rstrip(". ")
