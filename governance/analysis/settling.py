"""What a survey writes: what is new, what is gone, what is to be said anew, and whom to tell. Nothing else changes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from governance.analysis.models import Found, RoleSuggestion, StaleFinding, Survey
from governance.analysis.reasons import reason
from governance.analysis.stale import Seen
from governance.analysis.states import ROLES, FoundState, SurveyState
from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.moves import amend, amend_many, create_many, move, move_many
from governance.identities.queries import owners
from governance.identities.states import OwnerRole
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic

AT_A_TIME: Final = 500
NAMED: Final = 5
"""Findings that a message names; it counts the others."""

F = TypeVar("F", bound=Found)


def finding(seen: Seen, survey: Survey) -> StaleFinding:
    """What was seen, as a finding that is not saved yet."""
    return StaleFinding(
        kind=seen.kind,
        key=seen.key,
        score=seen.score,
        survey=survey,
        found_at=survey.at,
        subject_kind=seen.subject_kind,
        subject_id=seen.subject_id,
        subject=seen.subject,
        owner_kind=seen.owner_kind,
        owner_id=seen.owner_id,
        system_id=seen.system_id,
        holder_id=seen.holder_id,
        figures=dict(seen.figures),
    )


def settle(survey: Survey, part: str, seen: Sequence[Found], *, actor: Actor, now: datetime) -> None:
    """Hold what was found against what is known of the part of the held survey, and note that the part is done."""
    rows: QuerySet[Any] = RoleSuggestion.objects.all() if part == ROLES else StaleFinding.objects.filter(kind=part)
    known = {one.key: one for one in locked_all(rows.exclude(state=FoundState.GONE))}
    found = {one.key: one for one in seen}
    by: dict[str, Any] = {"actor": actor, "now": now}
    new = [one for key, one in found.items() if key not in known]
    gone = [one for key, one in known.items() if key not in found]
    for some in _batches(new):
        create_many(some, why=f"Found by {survey}", **by)
    for some in _batches(gone):
        move_many(some, FoundState.GONE, why=f"Found no more by {survey}", closed_at=now, **by)
    _say_anew([one for key, one in known.items() if key in found], found, by)
    counts = {"found": len(found), "new": len(new), "gone": len(gone)}
    changes: dict[str, Any] = {
        "done": [*survey.done, part],
        "counts": {**survey.counts, part: counts},
        "worked_at": now,
    }
    amend(survey, "advanced", why=f"Looked at {part}", **changes, **by)


def _say_anew(known: Sequence[Found], found: Mapping[str, Found], by: Mapping[str, Any]) -> None:
    """What is still there says its figures of today, and is open again once its dismissal has ended."""

    def told(one: Found) -> dict[str, Any]:
        return {name: getattr(found[one.key], name) for name in one.TOLD}

    other = [one for one in known if any(getattr(one, name) != value for name, value in told(one).items())]
    for some in _batches(other):
        amend_many(some, "restated", why="The figures have changed", each=told, **by)
    due = [one for one in known if one.dismissed_until and one.dismissed_until <= by["now"]]
    for some in _batches(due):
        blank: dict[str, Any] = {"state_reason": "", "dismissed_by": "", "dismissed_until": None}
        move_many(some, FoundState.OPEN, why="Its dismissal has ended", **blank, **by)


def _batches(rows: Sequence[F]) -> Iterator[Sequence[F]]:
    return (rows[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME))


def finish(survey: Survey, *, actor: Actor, now: datetime) -> None:
    """End a held survey that has looked at everything, and tell those who answer for what is new."""
    move(survey, SurveyState.DONE, actor=actor, why="Everything has been looked at", now=now, closed_at=now)
    new = list(StaleFinding.objects.filter(survey=survey, state=FoundState.OPEN).order_by("-score", "number"))
    tell(survey, new, now)


def stop(survey: Survey, *, actor: Actor, why: str, now: datetime) -> None:
    """End a held survey that came to nothing. What it has found stands."""
    move(survey, SurveyState.STOPPED, actor=actor, why=why, now=now, state_reason=why, closed_at=now)


def tell(survey: Survey, new: Collection[StaleFinding], now: datetime) -> None:
    """One message to each owner, or else backup owner, about all that is new; nobody hears of their own access."""
    found = owners({(one.owner_kind, one.owner_id) for one in new}, now)
    mine: dict[UUID, list[StaleFinding]] = defaultdict(list)
    for one in new:
        roles = found[one.owner_kind, one.owner_id]
        for person in roles.get(OwnerRole.OWNER) or roles.get(OwnerRole.BACKUP_OWNER) or []:
            if person.pk != one.holder_id:
                mine[person.pk].append(one)
    notify((_notice(pk, survey, those) for pk, those in mine.items()), now=now)


def _notice(recipient_id: UUID, survey: Survey, found: Sequence[StaleFinding]) -> Notice:
    more = len(found) - NAMED
    lines = [f"{one.subject}: {reason(one.kind, one.figures)}" for one in found[:NAMED]]
    body = "\n".join([*lines, *([f"And {more} more."] if more > 0 else [])])
    what = "One finding" if len(found) == 1 else f"{len(found)} findings"
    title = f"{what} about what you answer for"
    return Notice(recipient_id, Topic.WORK, title, body, (Survey.NOUN, survey.pk), f"survey:{survey.pk}")
