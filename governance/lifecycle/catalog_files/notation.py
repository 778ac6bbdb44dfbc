"""YAML as these files use it: texts, numbers, yes and no, lists and mappings, each with its line.

Read less than YAML allows: a date is a text, and what `no` means in one version of YAML and not in the other is a text
too. Anchors, tags and names said twice are refused: what is reviewed must be what is applied.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]
"""Where in a document something stands: names and places in lists."""

DEEPEST: Final = 12
"""Lists and mappings within one another: what is read calls itself for each."""

UNBROKEN: Final = 1_000_000
"""Characters of a line that is written: longer than any text here, so that no text is folded."""

TEXT: Final = "tag:yaml.org,2002:str"
WHOLE: Final = "tag:yaml.org,2002:int"
BROKEN: Final = "tag:yaml.org,2002:float"
YES_OR_NO: Final = "tag:yaml.org,2002:bool"
NOTHING: Final = "tag:yaml.org,2002:null"
ODD_BREAKS: Final = re.compile("[\x85\u2028\u2029]")


class NotationError(Exception):
    """What can't be read. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and on which line each part of it begins."""

    value: Any
    lines: Mapping[Path, int]


class _Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the same, in C where it was built
    yaml_implicit_resolvers: Mapping[str, Any] = {}


_Reader.add_implicit_resolver(WHOLE, re.compile(r"^-?(0|[1-9][0-9]{0,17})$"), list("-0123456789"))
_Reader.add_implicit_resolver(
    BROKEN, re.compile(r"^-?[0-9]{1,17}\.[0-9]{1,17}(e[-+][0-9]{1,2})?$"), list("-0123456789")
)
_Reader.add_implicit_resolver(YES_OR_NO, re.compile(r"^(true|false)$"), list("tf"))
_Reader.add_implicit_resolver(NOTHING, re.compile(r"^(null|~|)$"), ["n", "~", ""])


OPENING: Final = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
CLOSING: Final = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def read(text: str) -> Document:
    """What the text says. Raises NotationError."""
    try:
        _refuse(yaml.scan(text, Loader=_Reader))
        node = yaml.compose(text, Loader=_Reader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotationError(mark.line + 1 if mark else 1, _told(error)) from error
    except yaml.YAMLError as error:
        raise NotationError(1, f"It can't be read: {error}") from error
    if node is None:
        raise NotationError(1, "There is nothing in it.")
    reading = _Reading()
    return Document(reading.value(node, ()), reading.lines)


def _refuse(tokens: Iterable[yaml.Token]) -> None:
    """Raise NotationError for what YAML knows and these files don't, before anything is made of it."""
    deep = 0
    for token in tokens:
        line = token.start_mark.line + 1
        match token:
            case yaml.AnchorToken() | yaml.AliasToken():
                raise NotationError(line, "Anchors and aliases are not used here: write it out.")
            case yaml.TagToken() | yaml.DirectiveToken():
                raise NotationError(line, "Tags and directives mean nothing here.")
        deep += isinstance(token, OPENING) - isinstance(token, CLOSING)
        if deep > DEEPEST:
            raise NotationError(line, "This is too deep.")


def _told(error: yaml.MarkedYAMLError) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return f"It can't be read: {said}."


@dataclass(slots=True)
class _Reading:
    lines: dict[Path, int] = field(default_factory=dict)

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        return _scalar(node, line)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != TEXT:
                raise NotationError(line, "The name of a field is a text.")
            name = _kept(key.value, line)
            if name in found:
                raise NotationError(line, f"{name} is said twice.")
            self.lines[*path, name] = line
            found[name] = self.value(value, (*path, name))
        return found


def _scalar(node: yaml.Node, line: int) -> Any:
    match node.tag:
        case "tag:yaml.org,2002:int":
            return int(node.value)
        case "tag:yaml.org,2002:float":
            return float(node.value)
        case "tag:yaml.org,2002:bool":
            return node.value == "true"
        case "tag:yaml.org,2002:null":
            return None
    return _kept(node.value, line)


def _kept(text: str, line: int) -> str:
    """The text, if a database can keep it."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise NotationError(line, "This text has a character that can't be kept.")
    return text


class _Writer(yaml.SafeDumper):
    """Writes the same bytes for the same values, with a field of a list two spaces in."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002 - PyYAML's own
        return super().increase_indent(flow, False)  # noqa: FBT003 - PyYAML's own

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.Node:
    """Lines one below the other where they can be read so; else as it is, or in quotes."""
    if ODD_BREAKS.search(text):
        return writer.represent_scalar(TEXT, text, style='"')
    return writer.represent_scalar(TEXT, text, style="|" if "\n" in text and text == text.strip() else None)


_Writer.add_representer(str, _text)


def written(value: Mapping[str, Any]) -> str:
    """A document as text. What is read from it again is the same."""
    return yaml.dump(
        dict(value), Dumper=_Writer, sort_keys=False, allow_unicode=True, default_flow_style=False, width=UNBROKEN
    )
