"""What makes a purpose well-formed: pure, over plain values, with what is wrong at each field in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

LONGEST_WITHOUT_REVIEW: Final = timedelta(days=366)
"""A purpose without an end is reviewed at least this often: no lease on it outlasts its review."""

MOST_NAME: Final = 200
MOST_TEXT: Final = 4000


def moment(value: object) -> datetime | None:
    """A moment from its plain form (RFC 3339, with its offset), or None for None. Raises ValueError."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not a moment")  # noqa: TRY004 - what is wrong is what was entered, not the program
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("no offset")
    return found


def problems(values: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """What is wrong with a purpose's plain values, by field; all fields are there. Empty when nothing is."""
    found = _text_problems(values)
    when: dict[str, datetime | None] = {}
    for name in ("ends_at", "review_at"):
        try:
            when[name] = moment(values[name])
        except ValueError:
            found[name] = "Write a moment with its offset, such as 2027-06-30T00:00:00Z."
    if len(when) == len(("ends_at", "review_at")):
        found.update(_time_problems(when, now))
    entitlements = values["entitlements"]
    if not isinstance(entitlements, list) or not all(isinstance(one, str) for one in entitlements):
        found["entitlements"] = "Name entitlements as system/entitlement."
    return found


def _text_problems(values: Mapping[str, Any]) -> dict[str, str]:
    name, description = values["name"], values["description"]
    found = {}
    if not isinstance(name, str) or not name.strip():
        found["name"] = "Name the reason for access: requesters choose by it."
    elif len(name) > MOST_NAME or "\0" in name:
        found["name"] = f"At most {MOST_NAME} characters."
    if not isinstance(values["criteria"], str) or "\0" in values["criteria"]:
        found["criteria"] = "Write a condition over the identity, or nothing."
    if not isinstance(description, str) or len(description) > MOST_TEXT or "\0" in description:
        found["description"] = f"At most {MOST_TEXT} characters."
    return found


def _time_problems(when: Mapping[str, datetime | None], now: datetime) -> dict[str, str]:
    ends_at, review_at = when["ends_at"], when["review_at"]
    if ends_at is None and review_at is None:
        return {"ends_at": "Say when it ends, or when it is reviewed."}
    found = {name: "It lies in the past." for name, at in when.items() if at is not None and at <= now}
    if ends_at is None and review_at is not None and review_at > now + LONGEST_WITHOUT_REVIEW:
        found["review_at"] = f"What has no end is reviewed within {LONGEST_WITHOUT_REVIEW.days} days."
    return found
