"""Whom a text names after an @. Pure."""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final
from uuid import UUID

_AT: Final = re.compile(r"(?<!\w)@")


def named_in(text: str, names: Mapping[UUID, str]) -> frozenset[UUID]:
    """Those of the people whose whole name follows an @, whatever its case; all who have the name.

    Of two names that begin alike the longer is meant. What follows any other @ names nobody.
    """
    called: dict[str, set[UUID]] = defaultdict(set)
    for pk, name in names.items():
        called[name.casefold()].add(pk)
    found: set[UUID] = set()
    folded = text.casefold()
    for at in _AT.finditer(folded):
        rest = folded[at.end() :]
        fitting = [name for name in called if name and rest.startswith(name) and not _goes_on(rest, len(name))]
        found |= called[max(fitting, key=len)] if fitting else set()
    return frozenset(found)


def _goes_on(rest: str, length: int) -> bool:
    """Whether a word goes on where the name would end."""
    return rest[length : length + 1].isalnum()
