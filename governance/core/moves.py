"""The one door through which governed rows change, in three sizes.

Nothing else writes them: history refuses a save without a stamp, and the moves refuse a row that is not
locked. A change, its history row and its audit event commit together (rule 13).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import models

from governance.core import labels
from governance.core.actor import Actor
from governance.core.errors import IllegalMove
from governance.core.events import Event, record
from governance.core.history import Stamp, history_model, version
from governance.core.locking import claim_new, require_held
from governance.core.models import Recorded

G = TypeVar("G", bound=Recorded)


def plain(value: Any) -> Any:
    """A value as JSON holds it: ids and times as text (RFC 3339, UTC), durations in whole seconds."""
    match value:
        case None | bool() | int() | str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date() | time() | UUID():
            return str(value)
        case timedelta():
            return int(value.total_seconds())
        case models.Model():
            return str(value.pk)
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case Sequence():
            return [plain(item) for item in value]
    msg = f"no plain form for {type(value).__name__}"
    raise TypeError(msg)


def _event(row: Recorded, verb: str, stamp: Stamp, facts: Mapping[str, Any]) -> Event:
    return Event(
        action=f"{row.NOUN}.{verb}",
        actor=stamp.actor,
        subject_kind=row.NOUN,
        subject_id=row.pk,
        subject_label=str(row),
        reason=stamp.why,
        at=stamp.at,
        facts=plain(facts),
    )


def _save(row: Recorded, stamp: Stamp, **options: Any) -> None:
    """Save once under the stamp, which does not outlive it."""
    row.__dict__["_stamp"] = stamp
    try:
        row.save(**options)
    finally:
        row.__dict__.pop("_stamp", None)


def create(row: G, *, actor: Actor, why: str, now: datetime, facts: Mapping[str, Any] | None = None) -> G:
    """Insert a governed row with its first history row and the event `<noun>.<state>`, or `.created` without one."""
    stamp = Stamp(actor, why, now)
    _save(row, stamp, force_insert=True)
    claim_new(row)
    record([_event(row, getattr(row, "state", "created"), stamp, {**row.facts(), **(facts or {})})])
    return row


def check_move(row: Recorded, to: str) -> str:
    """The state the row would leave. Raises IllegalMove when the table has no such move."""
    old = str(row.state)  # type: ignore[attr-defined]
    if to not in row.MOVES.get(old, frozenset()):
        msg = f"{str(row) or row.NOUN} is {old} and cannot become {to}."
        raise IllegalMove(msg)
    return old


def move(
    row: G,
    to: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> G:
    """Take a locked row to another state, setting `changes` with it. Raises IllegalMove, LockError."""
    old = check_move(row, to)
    return _write(row, to, Stamp(actor, why, now), {"state": to, **changes}, {"from": old, **(facts or {})})


def amend(
    row: G,
    verb: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
    **changes: Any,
) -> G:
    """Change a locked row within its state, recorded as the event `<noun>.<verb>`. Raises LockError."""
    return _write(row, verb, Stamp(actor, why, now), changes, facts or {})


def _write(row: G, verb: str, stamp: Stamp, changes: Mapping[str, Any], facts: Mapping[str, Any]) -> G:
    require_held(row)
    _set(row, changes)
    _save(row, stamp, update_fields=_field_names(row, changes))
    record([_event(row, verb, stamp, {**_told(changes), **facts})])
    return row


def _nothing(_row: Any) -> Mapping[str, Any]:
    return {}


def move_many(
    rows: Sequence[G],
    to: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
    each: Callable[[G], Mapping[str, Any]] = _nothing,
    **changes: Any,
) -> None:
    """Take up to some hundreds of locked rows of one model to another state, in a handful of statements.

    `changes` are the same for all rows, `each` gives those of one row. What remains is what `move()` would leave
    for every row in turn. Raises IllegalMove, LockError before anything is written.
    """
    if not rows:
        return
    for row in rows:
        require_held(row)
    stamp = Stamp(actor, why, now)
    planned = [(row, check_move(row, to), {"state": to, **changes, **each(row)}) for row in rows]
    models.prefetch_related_objects(rows, *labels.relations(type(rows[0])))
    for row, _, own in planned:
        _set(row, own)
    _write_many(rows, {name for _, _, own in planned for name in own}, stamp)
    record([_event(row, to, stamp, {**_told(own), "from": old, **(facts or {})}) for row, old, own in planned])


def amend_many(
    rows: Sequence[G],
    verb: str,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    each: Callable[[G], Mapping[str, Any]] = _nothing,
    **changes: Any,
) -> None:
    """Change up to some hundreds of locked rows of one model within their states, in a handful of statements.

    What remains is what `amend()` would leave for every row in turn. Raises LockError before anything is written.
    """
    if not rows:
        return
    for row in rows:
        require_held(row)
    stamp = Stamp(actor, why, now)
    planned = [(row, {**changes, **each(row)}) for row in rows]
    models.prefetch_related_objects(rows, *labels.relations(type(rows[0])))
    for row, own in planned:
        _set(row, own)
    _write_many(rows, {name for _, own in planned for name in own}, stamp)
    record([_event(row, verb, stamp, _told(own)) for row, own in planned])


def create_many(rows: Sequence[G], *, actor: Actor, why: str, now: datetime) -> None:
    """Insert up to some hundreds of rows of one model, in a handful of statements, as `create()` would in turn."""
    if not rows:
        return
    model, stamp = type(rows[0]), Stamp(actor, why, now)
    model._base_manager.bulk_create(rows)
    if kept := history_model(model):
        kept._base_manager.bulk_create([version(row, "+", stamp) for row in rows])
    models.prefetch_related_objects(rows, *labels.relations(model))
    for row in rows:
        claim_new(row)
    record([_event(row, getattr(row, "state", "created"), stamp, row.facts()) for row in rows])


def _write_many(rows: Sequence[Recorded], changed: Collection[str], stamp: Stamp) -> None:
    model = type(rows[0])
    model._base_manager.bulk_update(rows, _field_names(rows[0], changed))
    if kept := history_model(model):
        kept._base_manager.bulk_create([version(row, "~", stamp) for row in rows])


def _field_names(row: Recorded, changed: Collection[str]) -> list[str]:
    return [row._meta.get_field(name).name for name in changed]


def _set(row: Recorded, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)


def _told(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changed fields as the event states them; the state itself is in the action's name."""
    return {name: plain(value) for name, value in changes.items() if name != "state"}
