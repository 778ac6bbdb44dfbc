"""The files held against the JSON Schema beside this module, with what is wrong in words of ours."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema

from governance.lifecycle.catalog_files import notation

FILE: Final = Path(__file__).with_name("schema.json")
TYPES: Final = {
    "string": "A text belongs here: put it in quotes.",
    "boolean": "Say true or false.",
    "array": "A list belongs here.",
    "object": "Named fields belong here.",
}


@cache
def _validator(part: str) -> Any:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"})


def complaints(part: str, document: notation.Document) -> Iterator[tuple[int, str, str]]:
    """Line, field and words of everything in which the document is not as that part of the schema has it."""
    for error in _validator(part).iter_errors(document.value):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            for name in sorted(error.instance.keys() - error.schema["properties"].keys()):
                yield _at(document, (*path, name), "There is no such field.")
        elif error.validator == "required":
            for name in sorted(set(error.validator_value) - error.instance.keys()):
                yield document.lines[path], field_name((*path, name)), "This is not said."
        else:
            yield _at(document, path, _words(error))


def _at(document: notation.Document, path: notation.Path, text: str) -> tuple[int, str, str]:
    return document.lines[path], field_name(path), text


def _words(error: Any) -> str:
    if error.validator == "type":
        return TYPES.get(error.validator_value) or str(error.message)
    if error.validator == "enum":
        return f"It is one of {', '.join(error.validator_value)}."
    return str(error.schema.get("description") or error.message)


def field_name(path: notation.Path) -> str:
    """A place in a document as people read it: `entitlements[2].longest_lease`, from 0."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
