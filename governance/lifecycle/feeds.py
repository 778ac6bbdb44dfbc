"""A feed of people: a file is read into a run, somebody says yes or no, and what it says is applied.

Applying goes in units of some hundreds of people, and each leaver is a unit of their own. Whoever can't be ended,
created or changed stops no other. What breaks if a worker dies half-way: nothing. The run stays accepted, the next
worker plans anew from the kept file and finds less to do. Two runs of one source never run beside each other: whoever
applies holds the source's advisory lock for as long as their connection lives.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection

from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Conflict, DomainError, Invalid
from governance.core.locking import locked, unit_of_work
from governance.core.moves import create, move
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.core.wake import after_commit
from governance.lifecycle import joining, moves, permissions, queries, reading, succession
from governance.lifecycle.models import FeedFile, FeedRun, Source
from governance.lifecycle.planning import Joiner, Leaver, Mover, Plan, plan
from governance.lifecycle.states import RunState

APPLY = "lifecycle.apply_run"
"""The task that applies one accepted run."""

FEED = "people feed"
"""Who carries a run out. Each event names the run: whoever handed it in or accepted it has changed all that."""

BATCH = 500
SHOWN = 200
"""How many people of each kind a preview names; its figures count all."""

UNLOCK, TRY_LOCK = (
    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))",
    ("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"),
)
PATIENCE = timedelta(seconds=2)

P = TypeVar("P", Joiner, Mover, Leaver)


def look(*, source: Source, content: bytes, actor: Actor, now: datetime) -> tuple[Plan, dict[str, Any]]:
    """What the file would do now, and the same as a preview; nothing is kept. Raises Invalid, NotFound, Denied."""
    permissions.require_feeds(actor)
    found = _planned(source, content, now)
    return found, _preview(found, now)


@unit_of_work()
def read_file(
    *, source_id: UUID, file_name: str, content: bytes, actor: Actor, now: datetime, strict: bool = False
) -> FeedRun:
    """Read a file into a run that waits for a yes. Nothing else changes.

    Strict, one bad row refuses the file. A file that would end or lacks too many of those who stand is held. Raises
    Invalid when it is no file of the source at all, NotFound, Denied.
    """
    source = permissions.lock_source(actor, source_id)
    found = _planned(source, content, now)
    state, why = _standing(found, source, strict=strict)
    run = FeedRun(
        source=source,
        file_name=file_name[-255:],
        digest=sha256(content).hexdigest(),
        strict=strict,
        state=state,
        state_reason=why,
        read_by=actor.label,
        read_at=now,
        preview=_preview(found, now),
        rejected=[asdict(fault) for fault in found.faults],
    )
    create(run, actor=actor, why=f"{file_name} is read", now=now)
    run.refresh_from_db(fields=["number"])
    if state != RunState.REFUSED:
        FeedFile(run=run, content=content).save(force_insert=True)
    return run


def _planned(source: Source, content: bytes, now: datetime) -> Plan:
    said = reading.read(content, source.reader)
    return plan(said, queries.known_to(source, said), queries.terms_of(source, now), now=now)


def _standing(found: Plan, source: Source, *, strict: bool) -> tuple[str, str]:
    if strict and found.faults:
        return RunState.REFUSED, _not_whole(found)
    if found.shrinks_beyond(source.most_ended):
        return RunState.HELD, _shrunken(found, source)
    return RunState.PROPOSED, ""


def _not_whole(found: Plan) -> str:
    return f"Bad rows: {len(found.faults)}. The file was to be taken whole or not at all."


def _shrunken(found: Plan, source: Source) -> str:
    later = f", {found.ending} are given a nearer last day" if found.ending else ""
    return (
        f"Of {found.standing} people {len(found.leavers)} would end{later} and {found.missing} are missing: "
        f"more than {source.most_ended} %."
    )


def _preview(found: Plan, now: datetime) -> dict[str, Any]:
    """The plan in plain data: all figures, the first people of each kind, and what the leavers' ends take along."""
    leaving = queries.consequences([leaver.id for leaver in found.leavers], now)
    totals = {name: sum(getattr(one, name) for one in leaving.values()) for name in ("grants", "owned", "answered")}
    return {
        "counts": {
            "created": len(found.joiners),
            "updated": len(found.movers),
            "ended": len(found.leavers),
            "ending": found.ending,
            "unchanged": found.unchanged,
            "rejected": len(found.faults),
            "repeated": found.repeated,
            "missing": found.missing,
            "standing": found.standing,
        },
        "unsure": found.unsure,
        "ends": totals,
        "created": [joining.described(joiner) for joiner in found.joiners[:SHOWN]],
        "updated": joining.described_movers(sorted(found.movers, key=lambda one: not one.ends_sooner)[:SHOWN]),
        "ended": [
            {"id": str(one.id), "name": one.name, "row": one.row, "why": one.why, **asdict(leaving[one.id])}
            for one in found.leavers[:SHOWN]
        ],
    }


@unit_of_work()
def accept(*, run_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> FeedRun:
    """Say yes to a run, and wake the worker that applies it. A held one needs a reason.

    The yes covers as many ends as the preview showed, at once or later. Where there are any it needs a fresh second
    factor, as ending one identity does. Raises Invalid, NotFound, Denied, StepUpRequired, IllegalMove; Conflict when a
    newer file of the source was accepted before.
    """
    run = permissions.lock_run(actor, run_id)
    if newer := queries.accepted_after(run):
        msg = f"{newer} was read after {run} and is accepted. Discard {run}, and hand its file in again if it counts."
        raise Conflict(msg)
    if run.state == RunState.HELD and not reason.strip():
        raise Invalid({"reason": "Say why so many end: it is kept with the run."})
    as_seen()
    counts = run.preview["counts"]
    ends = counts["ended"] + counts["ending"]
    if ends:
        stepup.require(actor, Sensitive.END_IDENTITY, now)
    why = reason.strip() or "What it does is right"
    changes: dict[str, Any] = {"decided_by": actor.label, "decided_at": now, "most_ends": ends}
    facts = {"shrunken": run.state == RunState.HELD}
    move(run, RunState.ACCEPTED, actor=actor, why=why, now=now, facts=facts, state_reason=reason.strip(), **changes)
    after_commit(APPLY, run.pk)
    return run


@unit_of_work()
def discard(*, run_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> FeedRun:
    """Say no to a run: its file changes nothing and is kept no longer. Raises NotFound, Denied, IllegalMove."""
    run = permissions.lock_run(actor, run_id)
    as_seen()
    why = reason.strip() or "Not to be applied"
    changes: dict[str, Any] = {"decided_by": actor.label, "decided_at": now, "closed_at": now, "state_reason": why}
    move(run, RunState.DISCARDED, actor=actor, why=why, now=now, **changes)
    FeedFile.objects.filter(run=run).delete()
    return run


def apply(*, run_id: UUID, actor: Actor, now: datetime, patience: timedelta = PATIENCE) -> FeedRun:
    """Do what an accepted run says, and record what came of it. Safe to run twice: nothing is done again.

    Whatever was read before it and is accepted comes first: an older file never undoes a newer one. `patience` is how
    long another run of the source is waited for. Raises Conflict when it takes longer.
    """
    run = FeedRun.objects.select_related("source").get(pk=run_id)
    with _alone(run.source, patience):
        for pk in queries.accepted_up_to(run):
            _apply(pk, actor=actor, now=now)
    run.refresh_from_db()
    return run


def _apply(run_id: UUID, *, actor: Actor, now: datetime) -> None:
    run = FeedRun.objects.select_related("source", "file").get(pk=run_id)
    found = _planned(run.source, bytes(run.file.content), now)
    if why := _beyond_the_yes(run, found):
        _hold(run_id, found, why, actor=actor, now=now)
    else:
        outcome = _carried_out(run, found, actor=Actor.system(FEED, run.pk), now=now)
        _close(run_id, found, outcome, actor=actor, now=now)


def _beyond_the_yes(run: FeedRun, found: Plan) -> str:
    """Why somebody has to look again, if they have: the portal is not what it was when the preview was made."""
    if run.strict and found.faults:
        return _not_whole(found)
    if found.ends > run.most_ends:
        return f"By now {found.ends} would end, at once or later, and the yes was for {run.most_ends}."
    if found.missing > run.preview["counts"]["missing"] and found.shrinks_beyond(run.source.most_ended):
        return _shrunken(found, run.source)
    return ""


@contextmanager
def _alone(source: Source, patience: timedelta) -> Iterator[None]:
    """One run of a source at a time, across its many transactions. The lock ends with the connection at the latest."""
    name = [f"feed:{source.pk}"]
    until = time.monotonic() + patience.total_seconds()
    while not _answer(TRY_LOCK, name):
        if time.monotonic() > until:
            msg = f"Another file of {source} is being applied. Try again."
            raise Conflict(msg, code="busy")
        time.sleep(0.1)
    try:
        yield
    finally:
        _answer(UNLOCK, name)


def _answer(sql: str, params: Sequence[str]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return bool(cursor.fetchone()[0])


@unit_of_work()
def _hold(run_id: UUID, found: Plan, why: str, *, actor: Actor, now: datetime) -> None:
    run = locked(FeedRun.objects.select_related("source"), run_id)
    move(run, RunState.HELD, actor=actor, why=why, now=now, state_reason=why, preview=_preview(found, now))


def _carried_out(run: FeedRun, found: Plan, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """Leavers first, whose access ends within a minute however many others there are (rule 8); movers last.

    A mover's new manager exists by then.
    """
    why = f"{run.source}: {run.file_name}, accepted by {run.decided_by}"
    ended = _failures(found.leavers, 1, lambda batch: _end(batch[0], actor=actor, why=why, now=now))
    created = _failures(
        found.joiners, BATCH, lambda batch: joining.join(run.source, batch, actor=actor, why=why, now=now)
    )
    updated = _failures(found.movers, BATCH, lambda batch: joining.change(batch, actor=actor, why=why, now=now))
    failed = [*ended, *created, *updated]
    counts = {
        "created": len(found.joiners) - len(created),
        "updated": len(found.movers) - len(updated),
        "ended": len(found.leavers) - len(ended),
        "unchanged": found.unchanged,
        "rejected": len(found.faults),
        "failed": len(failed),
    }
    return {"counts": counts, "failed": failed}


def _failures(people: Sequence[P], size: int, act: Callable[[Sequence[P]], None]) -> list[dict[str, Any]]:
    """Act on the people in batches, and answer those that it could not be done for: they stop no other."""
    failed = []
    for batch in (people[start : start + size] for start in range(0, len(people), size)):
        try:
            act(batch)
        except (DomainError, IntegrityError) as refusal:
            if len(batch) > 1:
                failed += _failures(batch, 1, act)
            else:
                failed.append({"row": batch[0].row, "name": batch[0].name, "reason": str(refusal).splitlines()[0]})
    return failed


@unit_of_work()
def _end(leaver: Leaver, *, actor: Actor, why: str, now: datetime) -> None:
    """A leaver, with everything that rests on them (rule 8), unless they have ended meanwhile."""
    identity, heirs = succession.lock(leaver.id, now)
    if identity.state in identity.MOVES:
        moves.end(identity, heirs, actor=actor, reason=f"{leaver.name} {leaver.why}. {why}", now=now)


@unit_of_work()
def _close(run_id: UUID, found: Plan, outcome: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    run = locked(FeedRun.objects.select_related("source"), run_id)
    rejected = [asdict(fault) for fault in found.faults]
    why = "Everything that the file says stands"
    changes: dict[str, Any] = {"outcome": outcome, "rejected": rejected, "closed_at": now}
    move(run, RunState.APPLIED, actor=actor, why=why, now=now, **changes)
    FeedFile.objects.filter(run=run).delete()
