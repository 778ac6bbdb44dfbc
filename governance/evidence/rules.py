"""How rows become a file: CSV that no spreadsheet runs, or JSON Lines. Pure."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

RUNS = frozenset("=+-@")
"""How a cell begins that a spreadsheet takes for a formula; some forgive blanks before, and full-width forms."""

BROKEN_OFF = b"!!! Here this file broke off. It is not whole.\n"
"""The last line of a file that could not be finished: no JSON, and no row of any list."""


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
            return f"'{value}" if _runs(value) else value
        case int():
            return str(value)
        case list():
            return _cell("; ".join(map(str, value)))
    return _cell(json.dumps(value, ensure_ascii=False))


def _runs(text: str) -> bool:
    """Whether a spreadsheet might run it: by what comes first after all that is not seen, or by a tab or line break."""
    first = next((one for one in text if not _unseen(one)), "")
    return text.startswith(("\t", "\r", "\n")) or unicodedata.normalize("NFKC", first)[:1] in RUNS


def _unseen(one: str) -> bool:
    """White space, and marks without a form of their own: controls, joiners, byte order marks."""
    return one.isspace() or unicodedata.category(one) in {"Cc", "Cf"}
