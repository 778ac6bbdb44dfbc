"""From the bytes of a feed's file to what it says of each person, row by row. Pure: it knows nobody.

A row that can't be read is a fault with its number and a reason, and says nothing. What makes the whole file
doubtful (no such heading, an open quote that swallows what follows) refuses the file.
"""

import csv
import io
import re
import unicodedata
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from governance.core.errors import Invalid
from governance.identities.states import Kind, Status
from governance.lifecycle.rules import Reader, folded
from governance.lifecycle.states import DateForm, Encoding, Field

LARGEST_FILE = 64 * 1024 * 1024
DELIMITERS = ",;\t|"
LONGEST = {Field.KEY: 200, Field.EMAIL: 254, Field.TITLE: 200, Field.DEPARTMENT: 200}
LONGEST_NAME = 200
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
UNREADABLE = "\udc80", "\udcff"
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
_is_email = EmailValidator()

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Line:
    """What one row says of one person. None is what the source does not say at all, "" what it says is empty."""

    row: int
    key: str
    name: str
    kind: Kind | None = None
    status: Status = Status.ACTIVE
    email: str | None = None
    title: str | None = None
    department: str | None = None
    manager: str | None = None
    sponsor: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that changes nothing, and why."""

    row: int
    key: str
    reason: str


@dataclass(slots=True)
class Reading:
    """A file as read: its good rows, its bad ones, how many repeat another, and the keys that it names at all.

    `doubtful` counts the rows whose key is missing or may be somebody else's: nobody can be called missing from such a
    file. `dated` says whether the source states last days.
    """

    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    repeated: int = 0
    keys: set[str] = field(default_factory=set)
    doubtful: int = 0
    dated: bool = False


class _BadRow(Exception):
    """Why a row says nothing."""


@dataclass(frozen=True, slots=True)
class _Table:
    """How the rows of one file are read: where each field stands, and how many cells a row has."""

    reader: Reader
    places: Mapping[Field, int]
    width: int


def read(content: bytes, reader: Reader) -> Reading:
    """Read a whole file. Raises Invalid when it can't be read as the source's at all."""
    text = _text(content, reader.encoding)
    rows, table = _table(text, reader)
    reading = Reading(dated=Field.ENDS_ON in reader.columns)
    seen: dict[str, list[Line]] = {}
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            _take(number, cells, table, reading, seen)
    _settle(seen, reading)
    if not reading.keys and not reading.doubtful:
        raise Invalid({"file": "The file has headings and no rows."})
    return reading


def _text(content: bytes, encoding: str) -> str:
    if not content.strip():
        raise Invalid({"file": "The file is empty."})
    if len(content) > LARGEST_FILE:
        raise Invalid({"file": f"The file is larger than {LARGEST_FILE // 1024 // 1024} MiB."})
    marked = content.startswith(BOM_UTF8)
    return content.decode("utf-8-sig" if marked else encoding, errors="surrogateescape")


def _table(text: str, reader: Reader) -> tuple[Iterator[tuple[int, list[str]]], _Table]:
    """The rows after the headings, with their numbers as a spreadsheet shows them, and how to read them."""
    missing: list[str] = []
    wanted = {name: folded(column.heading) for name, column in reader.columns.items()}
    for delimiter in DELIMITERS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        headings = _headings(rows)
        lost = [reader.columns[name].heading for name, heading in wanted.items() if heading not in headings]
        if not lost:
            _refuse_twins(headings, set(wanted.values()))
            places = {name: headings.index(heading) for name, heading in wanted.items()}
            return _numbered(rows), _Table(reader, places, len(headings))
        missing = lost if not missing or len(lost) < len(missing) else missing
    raise Invalid({"file": f"The file has no column headed {', '.join(missing)}."})


def _headings(rows: Iterator[list[str]]) -> list[str]:
    """The first row; nothing where it can't be read: under a wrong delimiter a quoted heading ends in mid-cell."""
    try:
        return [folded(cell) for cell in next(rows, [])]
    except csv.Error:
        return []


def _refuse_twins(headings: Sequence[str], wanted: set[str]) -> None:
    if twins := sorted(heading for heading in wanted if headings.count(heading) > 1):
        raise Invalid({"file": f"Two columns are headed {', '.join(twins)}: it is not clear which one counts."})


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    number = 1
    try:
        for number, cells in enumerate(rows, start=2):
            yield number, cells
    except csv.Error as error:
        msg = f"After row {number} the file can't be read: {error}. A quotation mark may be open."
        raise Invalid({"file": msg}) from error


def _take(number: int, cells: list[str], table: _Table, reading: Reading, seen: dict[str, list[Line]]) -> None:
    key = _key(cells, table)
    reading.keys.update({key} if key else ())
    reading.doubtful += not key or len(cells) != table.width  # with cells too many or too few, none is where it was
    try:
        line = _line(number, _fields(cells, table), table.reader)
    except _BadRow as bad:
        reading.faults.append(Fault(number, key, str(bad)))
    else:
        seen.setdefault(line.key, []).append(line)


def _key(cells: list[str], table: _Table) -> str:
    """The key, if it can be read, also of a row that is bad otherwise: whoever has it is not missing."""
    place = table.places[Field.KEY]
    key = _clean(cells[place]) if place < len(cells) else ""
    key = _counted(key, table.reader.columns[Field.KEY].after)
    return "" if _wrong_letters(key) or len(key) > LONGEST[Field.KEY] else key


def _settle(seen: Mapping[str, list[Line]], reading: Reading) -> None:
    """One line for each key. An exact copy is read over; of rows that differ none counts."""
    for key, lines in seen.items():
        said = {_without_row(line) for line in lines}
        if len(said) == 1:
            reading.lines.append(lines[0])
            reading.repeated += len(lines) - 1
        else:
            numbers = ", ".join(str(line.row) for line in lines)
            reason = f"The key {key} stands in rows {numbers}, which differ: none of them counts."
            reading.faults += [Fault(line.row, key, reason) for line in lines]
            reading.doubtful += 1
    reading.lines.sort(key=lambda line: line.row)
    _refuse_shared_addresses(reading)
    reading.faults.sort(key=lambda fault: fault.row)


def _without_row(line: Line) -> tuple[object, ...]:
    return tuple(getattr(line, name) for name in Line.__slots__ if name != "row")


def _refuse_shared_addresses(reading: Reading) -> None:
    owners: dict[str, list[Line]] = {}
    shared: set[int] = set()
    for line in reading.lines:
        if line.email:
            owners.setdefault(folded(line.email), []).append(line)
    for lines in owners.values():
        if len(lines) > 1:
            numbers = ", ".join(str(line.row) for line in lines)
            reason = f"The e-mail address {lines[0].email} stands in rows {numbers}, for different people."
            reading.faults += [Fault(line.row, line.key, reason) for line in lines]
            shared |= {line.row for line in lines}
    reading.lines = [line for line in reading.lines if line.row not in shared]


def _clean(cell: str) -> str:
    """In single spaces: a line break inside a cell, or a space that does not break, is no part of a name."""
    return unicodedata.normalize("NFC", " ".join(cell.split()))


def _wrong_letters(text: str) -> bool:
    return _foreign(text) or bool(CONTROL.search(text))


def _foreign(text: str) -> bool:
    """Whether bytes stand in it that are no letters of the encoding."""
    return any(UNREADABLE[0] <= letter <= UNREADABLE[1] for letter in text)


def _fields(cells: list[str], table: _Table) -> dict[Field, str]:
    if len(cells) != table.width:
        msg = f"The row has {len(cells)} cells, the headings are {table.width}."
        raise _BadRow(msg)
    found = {}
    for name, place in table.places.items():
        column, text = table.reader.columns[name], _clean(cells[place])
        if _foreign(text):
            msg = f"{column.heading}: the letters are not {Encoding(table.reader.encoding).label}."
            raise _BadRow(msg)
        if CONTROL.search(text):
            msg = f"{column.heading}: a control character stands in it."
            raise _BadRow(msg)
        found[name] = _counted(text, column.after)
    return found


def _counted(text: str, after: str) -> str:
    return text.partition(after)[2].strip() if after and after in text else text


def _line(number: int, cells: Mapping[Field, str], reader: Reader) -> Line:
    if not cells[Field.KEY]:
        raise _BadRow("The key is missing.")
    for name, most in LONGEST.items():
        if len(cells.get(name, "")) > most:
            msg = f"{reader.columns[name].heading}: longer than {most} characters."
            raise _BadRow(msg)
    starts_on, ends_on = (_day(cells, name, reader) for name in (Field.STARTS_ON, Field.ENDS_ON))
    if starts_on and ends_on and ends_on < starts_on:
        msg = f"The last day, {ends_on}, is before the first, {starts_on}."
        raise _BadRow(msg)
    return Line(
        row=number,
        key=cells[Field.KEY],
        name=_name(cells),
        kind=_kind(cells, reader),
        status=_status(cells, reader),
        email=_email(cells),
        title=cells.get(Field.TITLE),
        department=cells.get(Field.DEPARTMENT),
        manager=cells.get(Field.MANAGER),
        sponsor=cells.get(Field.SPONSOR),
        starts_on=starts_on,
        ends_on=ends_on,
    )


def _name(cells: Mapping[Field, str]) -> str:
    parts = [cells.get(Field.FIRST_NAME, ""), cells.get(Field.LAST_NAME, "")]
    name = cells.get(Field.NAME) or " ".join(part for part in parts if part)
    if not name:
        raise _BadRow("The name is missing.")
    if len(name) > LONGEST_NAME:
        msg = f"The name is longer than {LONGEST_NAME} characters."
        raise _BadRow(msg)
    return name


def _email(cells: Mapping[Field, str]) -> str | None:
    address = cells.get(Field.EMAIL)
    if address:
        try:
            _is_email(address)
        except ValidationError:
            msg = f"{address} is no e-mail address."
            raise _BadRow(msg) from None
    return address


def _kind(cells: Mapping[Field, str], reader: Reader) -> Kind | None:
    word = cells.get(Field.KIND)
    return None if word is None else _meaning(word, reader.kinds, reader.columns[Field.KIND].heading)


def _status(cells: Mapping[Field, str], reader: Reader) -> Status:
    word = cells.get(Field.STATUS)
    return Status.ACTIVE if word is None else _meaning(word, reader.statuses, reader.columns[Field.STATUS].heading)


def _meaning(word: str, meanings: Mapping[str, M], heading: str) -> M:
    if not word:
        msg = f"{heading} is missing."
        raise _BadRow(msg)
    try:
        return meanings[folded(word)]
    except KeyError:
        msg = f"{heading}: the source does not say what “{word}” means."
        raise _BadRow(msg) from None


def _day(cells: Mapping[Field, str], name: Field, reader: Reader) -> date | None:
    text = cells.get(name, "")
    if not text:
        return None
    for form in dict.fromkeys([reader.date_form, DateForm.ISO.value]):
        try:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if EARLIEST <= day < LATEST:
            return day
        break
    label = DateForm(reader.date_form).label
    msg = f"{reader.columns[name].heading}: “{text}” is no day like {label}."
    raise _BadRow(msg)
