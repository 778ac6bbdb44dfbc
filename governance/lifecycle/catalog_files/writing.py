"""Entries as the files of a directory: always the same bytes for the same catalog."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from governance.catalog.models import Entitlement
from governance.lifecycle.catalog_files.entries import FIELDS, Entry
from governance.lifecycle.catalog_files.notation import written
from governance.lifecycle.catalog_files.reading import FOLDERS, MARK
from governance.purposes.models import Purpose

NAMES: Final = {Purpose.NOUN: "reference"}
PERMISSION: Final = ("type", "pattern", "actions")


class NotACatalog(Exception):
    """A directory that holds something else: nothing is written over it."""


def texts(entries: Iterable[Entry]) -> dict[str, str]:
    """The text of each file by its name, entries by their keys."""
    files: dict[str, dict[str, Any]] = defaultdict(dict)
    for entry in sorted(entries, key=lambda one: (one.address.kind == Entitlement.NOUN, one.address)):
        if entry.address.kind == Entitlement.NOUN:
            files[entry.file].setdefault("entitlements", []).append(_document(entry))
        else:
            files[entry.file][entry.address.kind] = _document(entry)
    return {MARK: written({"format": 1}), **{name: written(document) for name, document in sorted(files.items())}}


def _document(entry: Entry) -> dict[str, Any]:
    """The fields of one thing that are not what they are when left out, under its key."""
    kind = entry.address.kind
    key = entry.address.key.partition("/")[2] if kind == Entitlement.NOUN else entry.address.key
    said = {name: entry.values[name] for name, otherwise in FIELDS[kind].items() if entry.values[name] != otherwise}
    if permits := said.get("permits"):
        said["permits"] = [{name: one[name] for name in PERMISSION if name in one} for one in permits]
    if connector := said.get("connector"):
        said["connector"] = {"plugin": connector["plugin"], "settings": dict(sorted(connector["settings"].items()))}
    return {NAMES.get(kind, "key"): key, **said}


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Make the directory hold these files, and no other of a catalog. Raises NotACatalog, OSError.

    Where it fails on the way, each file is the old one or the new one, and a new directory is no catalog yet.
    """
    if directory.exists() and not (directory / MARK).is_file() and any(directory.iterdir()):
        msg = f"{directory} holds something else: name a catalog's directory, an empty or a new one."
        raise NotACatalog(msg)
    for folder in FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
        if (directory / folder).is_symlink():
            raise NotACatalog(f"{directory / folder} is a link: nothing is written behind it.")
    for name in sorted(files, key=lambda name: name == MARK):
        _put(directory / name, files[name])
    for folder in FOLDERS:
        for path in (directory / folder).glob("*.yaml"):
            if f"{folder}/{path.name}" not in files:
                path.unlink()


def _put(path: Path, text: str) -> None:
    """The file with this text, whole or not at all; a link in its place is replaced, not followed."""
    new = path.with_name(f".{path.name}")
    new.unlink(missing_ok=True)
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(path)
