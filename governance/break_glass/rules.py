"""What makes break-glass and its review well-formed, before anybody is asked. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from governance.break_glass.states import Secret

REVIEW_TERM: Final = timedelta(days=2)
"""How long after its end break-glass may wait to be closed before it is overdue."""

SHORTEST_TERM: Final = timedelta(minutes=5)
SHORTEST_WORDS: Final = 10
"""Characters of a reason and of a review: "ok" tells nobody anything."""

SHORTEST_INCIDENT: Final = 3
MOST_INCIDENT: Final = 100
MOST_LOCATOR: Final = 300
MOST_EXPOSED: Final = 50


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody takes at once: for which incident of which emergency, why, and for how long.

    `form_token` is made with the form, so that a form sent twice breaks the glass once.
    """

    entitlement_id: UUID
    purpose_id: UUID
    incident: str
    justification: str
    term: timedelta
    form_token: UUID


def problems(draft: Draft) -> Mapping[str, str]:
    """What is wrong with it, by field; empty when nothing is."""
    found: dict[str, str] = {}
    if not SHORTEST_INCIDENT <= len(draft.incident.strip()) <= MOST_INCIDENT:
        found["incident"] = "Give the incident's reference, such as INC-2041."
    if len(draft.justification.strip()) < SHORTEST_WORDS:
        found["justification"] = "Say what it is needed for, in a sentence: security and the owners read it now."
    if draft.term < SHORTEST_TERM:
        found["term"] = "It lasts five minutes at least."
    return found


def waiting_mark(break_glass_id: UUID, due: datetime, now: datetime) -> str:
    """What marks that it was said of break-glass: once when it has ended, and each day from when it is overdue."""
    if now < due:
        return f"glass ended:{break_glass_id}"
    return f"glass overdue:{break_glass_id}:{(now - due).days}"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A credential that was exposed: its kind, and where it is used or kept. Never what it says."""

    kind: str
    locator: str


def review_problems(done: str, exposed: Sequence[Exposed], *, nothing_exposed: bool) -> Mapping[str, str]:
    """What is wrong with a review, by field. That nothing was exposed is said, and not left out."""
    found: dict[str, str] = {}
    if len(done.strip()) < SHORTEST_WORDS:
        found["done"] = "Say what was done with the access, in a sentence."
    if bool(exposed) == nothing_exposed:
        found["exposed"] = "List each credential that was exposed, or say that none was."
    elif len(exposed) > MOST_EXPOSED:
        found["exposed"] = f"List at most {MOST_EXPOSED} credentials."
    elif any(one.kind not in Secret.values for one in exposed):
        found["exposed"] = f"A credential's kind is one of {', '.join(Secret.values)}."
    elif not all(0 < len(one.locator.strip()) <= MOST_LOCATOR for one in exposed):
        found["exposed"] = f"Say of each where it is used or kept, in at most {MOST_LOCATOR} characters."
    return found
