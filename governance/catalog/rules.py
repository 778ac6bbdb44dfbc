"""What makes the catalog's entries well-formed: pure, over plain values, with what is wrong at each field in words."""

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from governance.catalog.states import HIGH_RISKS, Risk
from governance.identities.states import Environment, Kind

LONGEST_LEASE: Final[Mapping[str, timedelta]] = {
    Risk.LOW: timedelta(days=366),
    Risk.MODERATE: timedelta(days=183),
    Risk.HIGH: timedelta(days=92),
    Risk.CRITICAL: timedelta(days=31),
}
"""The longest lease that an entitlement of each risk may allow. Policy may cap it further, and never longer."""

LONGEST_CADENCE: Final = timedelta(days=366)
SHORTEST: Final = timedelta(minutes=1)
MOST_NAME: Final = 200
MOST_TEXT: Final = 4000
ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK"})
"""Alphabets that share letters by their looks."""


def entitlement_problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with an entitlement's plain values, by field; all fields are there. Empty when nothing is."""
    found = {**_text_problems(values), **_kind_problems(values), **_permits_problems(values)}
    if values["risk"] not in Risk.values:
        found["risk"] = f"A risk is one of {', '.join(Risk.values)}."
    if not isinstance(values["privileged"], bool):
        found["privileged"] = "Say yes or no."
    for name in ("longest_lease_seconds", "review_cadence_seconds"):
        if reason := _length_problem(values[name]):
            found[name] = reason
    if not found.keys() & {"risk", "longest_lease_seconds"}:
        longest = LONGEST_LEASE[values["risk"]]
        if timedelta(seconds=values["longest_lease_seconds"]) > longest:
            found["longest_lease_seconds"] = f"At {values['risk']} risk a lease lasts {longest.days} days at most."
    if "review_cadence_seconds" not in found and timedelta(seconds=values["review_cadence_seconds"]) > LONGEST_CADENCE:
        found["review_cadence_seconds"] = f"It is reviewed every {LONGEST_CADENCE.days} days at least."
    return found


def system_problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a system's plain values, by field; all fields are there. Empty when nothing is."""
    found = {}
    name, description = values["name"], values["description"]
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MOST_NAME or "\0" in name:
        found["name"] = f"Name it, in {MOST_NAME} characters at most."
    if not isinstance(description, str) or len(description) > MOST_TEXT or "\0" in description:
        found["description"] = f"At most {MOST_TEXT} characters."
    if values["environment"] not in Environment.values:
        found["environment"] = f"An environment is one of {', '.join(Environment.values)}."
    if values["risk"] not in Risk.values:
        found["risk"] = f"A risk is one of {', '.join(Risk.values)}."
    return found


def key_problem(key: str) -> str | None:
    """Why an entitlement can't be told from another by its key, which readers compare by eye; None where it can."""
    if not key.isprintable() or key != key.strip():
        return "A key has no character that nobody sees, and no space around it."
    if key != unicodedata.normalize("NFC", key):
        return "Write each letter as one character (NFC), so that one key is not written in two ways."
    alphabets = {unicodedata.name(one, "").partition(" ")[0] for one in key} & ALIKE
    return f"It mixes {' and '.join(sorted(alphabets))} letters, which look alike." if len(alphabets) > 1 else None


def _text_problems(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, most in (("name", MOST_NAME), ("description", MOST_TEXT)):
        value = values[name]
        if not isinstance(value, str) or not value.strip():
            found[name] = "Fill this in: requesters read it."
        elif len(value) > most or "\0" in value:
            found[name] = f"At most {most} characters."
    return found


def _kind_problems(values: Mapping[str, Any]) -> dict[str, str]:
    kinds = values["allowed_kinds"]
    if not isinstance(kinds, list) or not kinds:
        return {"allowed_kinds": "Some kind of identity must be able to hold it."}
    unknown = [kind for kind in kinds if kind not in Kind.values]
    return {"allowed_kinds": f"There is no kind {unknown[0]}; there are {', '.join(Kind.values)}."} if unknown else {}


def _permits_problems(values: Mapping[str, Any]) -> dict[str, str]:
    """What it permits: objects with a resource type, a pattern of ids, and actions where they are known."""
    permits = values["permits"]
    if isinstance(permits, list) and all(_is_permission(one) for one in permits):
        return {}
    return {"permits": 'Write a list such as [{"type": "invoice", "pattern": "*", "actions": ["read"]}].'}


def _is_permission(one: object) -> bool:
    if not isinstance(one, Mapping) or not {"type", "pattern"} <= set(one) <= {"type", "pattern", "actions"}:
        return False
    actions = one.get("actions", [])
    named = all(isinstance(one[name], str) and one[name] for name in ("type", "pattern"))
    return named and isinstance(actions, list) and all(isinstance(action, str) for action in actions)


def _length_problem(seconds: object) -> str | None:
    if type(seconds) is not int:
        return "A length of time is a whole number of seconds."
    return "At least a minute." if seconds < SHORTEST.total_seconds() else None


def needs_second_person(*values: Mapping[str, Any]) -> bool:
    """Whether a change between these values of an entitlement takes a second person: at high risk, or privileged."""
    return any(one["risk"] in HIGH_RISKS or one["privileged"] for one in values)
