"""Replays as people ask for them and as workers carry them out.

A worker does a batch in a transaction, and many batches one after another, but never for long: whatever is left it
hands on. Each batch goes on where the last one ended, and holds the replay meanwhile, so that a worker that dies, comes
late or has a twin counts nothing twice.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from governance.analysis import moves, permissions, queries
from governance.analysis.models import Replay, ReplayProgress
from governance.analysis.states import ReplayState
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import create
from governance.core.seen import AsSeen, unsaid
from governance.core.wake import after_commit
from governance.policy.judging import Judge

RUN: Final = "analysis.run_replay"
"""The task that goes on with one replay."""

MOST_DAYS: Final = 3660
AT_A_TIME: Final = timedelta(minutes=2)
"""How long one task works at a replay: a message that takes longer is handed out twice."""


@unit_of_work()
def start(*, version_id: UUID, days: int, actor: Actor, now: datetime) -> Replay:
    """Begin to hold a version against the requests of the last so many days, and against all live grants.

    Raises NotFound, Denied, Invalid, and Conflict while the version is being replayed.
    """
    version = permissions.version(actor, version_id, now)
    if not 0 < days <= MOST_DAYS:
        raise Invalid({"days": f"Between 1 and {MOST_DAYS} days."})
    if other := queries.running().filter(version=version).first():
        raise Conflict(f"{other} is replaying {version} at the moment.", code="already_running")
    since = now - timedelta(days=days)
    replay = Replay(version=version, since=since, at=now, started_by=actor.label)
    replay.wording = moves.wording_of(replay)
    create(replay, actor=actor, why=f"{version} over {days} days", now=now)
    replay.refresh_from_db(fields=["number"])
    ReplayProgress(replay=replay, worked_at=now).save(force_insert=True)
    after_commit(RUN, replay.pk)
    return replay


@unit_of_work()
def stop(*, replay_id: UUID, actor: Actor, reason: str, now: datetime, as_seen: AsSeen = unsaid) -> Replay:
    """End a replay before it has read everything. Raises NotFound, Denied, IllegalMove."""
    replay = permissions.lock(actor, "stop", replay_id)
    as_seen()
    return moves.stop(replay, actor=actor, why=reason.strip() or "No longer needed", now=now)


def run(*, replay_id: UUID, actor: Actor, clock: Callable[[], datetime], time_left: timedelta = AT_A_TIME) -> bool:
    """Go on with a replay for a while. True if something is left to do. Safe to run twice, and beside a twin."""
    until = time.monotonic() + time_left.total_seconds()
    judge: Judge | None = None
    while time.monotonic() < until:
        judge, more = _batch(replay_id, judge, actor=actor, now=clock())
        if not more:
            return False
    return True


@unit_of_work()
def _batch(replay_id: UUID, judge: Judge | None, *, actor: Actor, now: datetime) -> tuple[Judge | None, bool]:
    held = locked_all(Replay.objects.filter(pk=replay_id).select_related("version__rule"))
    if not held or held[0].state != ReplayState.RUNNING:
        return judge, False
    replay = held[0]
    if moves.wording_of(replay) != replay.wording:
        moves.stop(replay, actor=actor, why=f"{replay.version} was redrafted meanwhile", now=now)
        return judge, False
    judge = judge or Judge(replay.version)
    progress = ReplayProgress.objects.get(replay=replay)
    progress.worked_at = now
    if not progress.totals:
        progress.totals = queries.totals(replay)
        progress.save()
    elif not moves.advance(replay, progress, judge):
        moves.finish(replay, progress, actor=actor, now=now)
        return judge, False
    return judge, True
