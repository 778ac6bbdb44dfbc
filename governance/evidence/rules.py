"""How rows become a file: CSV that no spreadsheet runs, or JSON Lines. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

RUNS = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula."""


class Form(StrEnum):
    """The forms of an export."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def media_type(self) -> str:
        """As HTTP calls it."""
        return "text/csv; charset=utf-8" if self == Form.CSV else "application/x-ndjson"

    @property
    def label(self) -> str:
        """As people call it."""
        return "CSV" if self == Form.CSV else "JSON Lines"


def written(form: Form, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The file, row by row; `rows` hold plain JSON values in the order of the names."""
    if form == Form.JSONL:
        for row in rows:
            told = dict(zip(names, row, strict=True))
            yield json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        return
    yield _line(names)
    for row in rows:
        yield _line([_cell(value) for value in row])


def _line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a cell. An apostrophe goes before what a spreadsheet would run."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}" if value.startswith(RUNS) else value
        case int():
            return str(value)
        case list():
            return _cell("; ".join(map(str, value)))
    return _cell(json.dumps(value, ensure_ascii=False))
