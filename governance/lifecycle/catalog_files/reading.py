"""A directory of files as entries, with everything that can be said of them without the database."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from governance.catalog.models import Bundle, Entitlement, System
from governance.grants.queries import PORTAL_SYSTEM
from governance.lifecycle.catalog_files import notation, schema
from governance.lifecycle.catalog_files.entries import FIELDS, SORTED, Address, Entry, Problem, called, canonical
from governance.purposes.models import Purpose

MARK: Final = "catalog.yaml"
"""The file that makes a directory a catalog: a wrong or an empty one retires nothing."""

FOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "systems": (System.NOUN, "key"),
    "bundles": (Bundle.NOUN, "key"),
    "purposes": (Purpose.NOUN, "reference"),
}
"""Each folder, with the kind that stands at the top of its files, and the field in it that names the file."""

LINK: Final = "A link is not followed: what was reviewed is what is applied."
LARGEST: Final = 1_000_000
"""Bytes of a file."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a directory says. With problems, the entries are not all."""

    entries: Mapping[Address, Entry]
    problems: Sequence[Problem]
    digest: str


def read(directory: Path) -> Files:
    """What the directory says."""
    reading = _Reading()
    if (directory / MARK).is_file():
        reading.file(directory / MARK, MARK, "catalog")
    else:
        reading.problems.append(Problem(MARK, 1, "", f"There is no such file: {directory} holds no catalog."))
    for folder in FOLDERS:
        if (directory / folder).is_symlink():
            reading.problems.append(Problem(folder, 1, "", LINK))
            continue
        for path in sorted((directory / folder).glob("*")):
            if not path.name.startswith("."):
                reading.entry(path, f"{folder}/{path.name}", folder)
    return Files(reading.entries, sorted(set(reading.problems)), reading.digest.hexdigest())


class _Unfit(Exception):
    """A file that is not even looked into."""


def _content(path: Path) -> bytes:
    if path.is_symlink():
        raise _Unfit(LINK)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise _Unfit(f"It is larger than {LARGEST:,} bytes.")
    return content


class _Reading:
    def __init__(self) -> None:
        self.entries: dict[Address, Entry] = {}
        self.problems: list[Problem] = []
        self.digest = hashlib.sha256()

    def entry(self, path: Path, name: str, folder: str) -> None:
        if path.suffix != ".yaml" or not path.is_file():
            self.problems.append(Problem(name, 1, "", "Only files that end in .yaml belong here."))
        elif document := self.file(path, name, folder):
            for entry in self.split(document, name, folder):
                self.keep(entry)

    def file(self, path: Path, name: str, part: str) -> notation.Document | None:
        """The document in a file, if it is as the schema has it."""
        try:
            content = _content(path)
            self.digest.update(f"{name}\0{len(content)}\0".encode() + content)
            document = notation.read(content.decode())
        except OSError as error:
            self.problems.append(Problem(name, 1, "", f"It can't be read: {error.strerror}."))
        except _Unfit as error:
            self.problems.append(Problem(name, 1, "", str(error)))
        except UnicodeDecodeError:
            self.problems.append(Problem(name, 1, "", "It is not UTF-8."))
        except notation.NotationError as error:
            self.problems.append(Problem(name, error.line, "", error.message))
        else:
            found = [Problem(name, *complaint) for complaint in schema.complaints(part, document)]
            self.problems += found
            return None if found else document
        return None

    def split(self, document: notation.Document, name: str, folder: str) -> Iterator[Entry]:
        """The things in a file; each is what it names itself."""
        top, named = FOLDERS[folder]
        said = document.value[top]
        key = said[named]
        if name != f"{folder}/{key}.yaml":
            line = document.lines[top, named]
            self.problems.append(Problem(name, line, f"{top}.{named}", f"The file of {key} is {folder}/{key}.yaml."))
        if (top, key) == ("system", PORTAL_SYSTEM):
            text = "The portal's own system is made by its founding, and stands in no file."
            self.problems.append(Problem(name, document.lines[top, named], f"{top}.{named}", text))
        yield self.made(Address(top, key), said, _Place(document, name, (top,)))
        for position, one in enumerate(document.value.get("entitlements", ())):
            place = _Place(document, name, ("entitlements", position))
            yield self.made(Address(Entitlement.NOUN, called(key, one["key"])), one, place)

    def made(self, address: Address, said: Mapping[str, Any], place: "_Place") -> Entry:
        values = dict(FIELDS[address.kind])
        for name in values.keys() & said.keys():
            try:
                values[name] = canonical(name, said[name])
            except ValueError as error:
                path = (*place.path, name)
                self.problems.append(
                    Problem(place.file, place.document.lines[path], schema.field_name(path), str(error))
                )
        return Entry(address, place.file, values, schema.field_name(place.path), place.lines(said))

    def keep(self, entry: Entry) -> None:
        if entry.address in self.entries:
            self.problems.append(entry.problem("key", f"{entry.address} is said twice."))
        self.entries[entry.address] = entry


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file a thing is said."""

    document: notation.Document
    file: str
    path: notation.Path

    def lines(self, said: Mapping[str, Any]) -> dict[tuple[str, ...], int]:
        """The lines of the thing, of its fields, and of the items of its lists."""
        lines = self.document.lines
        found: dict[tuple[str, ...], int] = {(): lines[self.path]}
        for name, value in said.items():
            found[name,] = lines[*self.path, name]
            if name in SORTED and isinstance(value, list):
                found |= {(name, item): lines[*self.path, name, place] for place, item in enumerate(value)}
        return found
