"""The types an environment variable can have: each reads a text or says what is wrong with it."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
KEY_BYTES = 32


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A type: what a reader is told, and how a text becomes a value.

    `parse` raises ValueError with a message that completes "NAME …".
    """

    label: str
    parse: Callable[[str], T]


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("must be true or false")
    return word in TRUE


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _pairs(text: str) -> dict[str, str]:
    pairs = {left.strip(): right.strip() for left, _, right in (part.partition("=") for part in _names(text))}
    if not all(left and right for left, right in pairs.items()):
        raise ValueError("must be pairs such as name=value, separated by commas")
    return pairs


def _key(text: str) -> str:
    try:
        length = len(base64.b64decode(text, validate=True))
    except binascii.Error:
        length = 0
    if length != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64")
    return text


TEXT = Kind("text", str)
BOOLEAN = Kind("true or false", _boolean)
NAMES = Kind("list, separated by commas", _names)
PAIRS = Kind("list of name=value, separated by commas", _pairs)
KEY = Kind(f"{KEY_BYTES} bytes in base64", _key)


def integer(least: int, most: int) -> Kind[int]:
    """A whole number from `least` to `most`, both allowed."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text.strip()) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return Kind(f"whole number, {least} to {most}", parse)


def choice(*words: str) -> Kind[str]:
    """One of the given words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return text

    return Kind(" or ".join(f"`{word}`" for word in words), parse)


def url(*schemes: str) -> Kind[str]:
    """An address with one of the given schemes."""

    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(f"must be an address that begins with one of: {', '.join(schemes)}")
        return text

    return Kind("address: " + ", ".join(f"`{scheme}:`" for scheme in schemes), parse)


def optional(kind: Kind[str]) -> Kind[str]:
    """The same, or nothing at all."""
    return Kind(kind.label, lambda text: kind.parse(text) if text else "")


def long_text(least: int) -> Kind[str]:
    """A text of at least `least` characters, such as a secret."""

    def parse(text: str) -> str:
        if len(text) < least:
            raise ValueError(f"must have at least {least} characters")
        return text

    return Kind(f"text of at least {least} characters", parse)
