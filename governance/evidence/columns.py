"""What the lists are made of: columns that are named once, for a page's headings and a file's values alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its stable name for programs, its heading for people, and how a row's value is read."""

    name: str
    heading: str
    value: Value


@dataclass(frozen=True, slots=True)
class Table:
    """A list by its name in files and events, with its columns."""

    name: str
    columns: Sequence[Column]

    @property
    def headings(self) -> Mapping[str, str]:
        """Each column's heading by its name."""
        return {column.name: column.heading for column in self.columns}

    def values(self, row: Any) -> list[Any]:
        """One row, column by column."""
        return [column.value(row) for column in self.columns]


def of(path: str) -> Value:
    """The value at the end of a path of attributes; None where it breaks off."""
    steps = path.split(".")

    def read(row: Any) -> Any:
        for step in steps:
            row = getattr(row, step) if row is not None else None
        return row

    return read


def table(name: str, *columns: tuple[str, str, str | Value]) -> Table:
    """A list by its name; each column by its name, its heading, and the path or function that reads it."""
    read = [Column(key, heading, of(value) if isinstance(value, str) else value) for key, heading, value in columns]
    return Table(name, read)
