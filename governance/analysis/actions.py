"""Replays and surveys as people ask for them and as workers carry them out.

A worker does a batch in a transaction, and many batches one after another, but never for long: whatever is left it
hands on. Each batch goes on where the last one ended, and holds the replay meanwhile, so that a worker that dies, comes
late or has a twin counts nothing twice.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import IntegrityError

from governance.analysis import moves, permissions, queries, settling, stale
from governance.analysis.models import Found, Replay, ReplayProgress, RoleSuggestion, StaleFinding, Survey
from governance.analysis.states import PARTS, ROLES, FoundState, ReplayState, Stale, SurveyState
from governance.analysis.suggesting import suggested
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.locking import locked, locked_all, unit_of_work
from governance.core.moves import create, move
from governance.core.seen import AsSeen, unsaid
from governance.core.wake import after_commit
from governance.policy.judging import Judge

RUN: Final = "analysis.run_replay"
"""The task that goes on with one replay."""

RUN_SURVEY: Final = "analysis.run_survey"
"""The task that goes on with one survey."""

LONGEST_SURVEY: Final = timedelta(hours=20)
"""After so long a survey has come to nothing, and the next one begins."""

LONGEST_DISMISSAL: Final = timedelta(days=366)
SHORTEST_REASON: Final = 10

D = TypeVar("D", bound=Found)

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


@unit_of_work()
def start_survey(*, actor: Actor, now: datetime) -> Survey:
    """Have everything looked at for what has gone stale. Raises NotFound, Denied, Conflict while somebody does."""
    permissions.require_survey(actor)
    if running := queries.survey_running().first():
        raise _running(str(running))
    return _begun(actor, now)


def _running(other: str) -> Conflict:
    return Conflict(f"{other} is looking at the moment.", code="already_running")


@unit_of_work()
def daily_survey(*, actor: Actor, now: datetime) -> Survey | None:
    """The look of the day, unless one runs; one that has run for too long is ended. Raises Conflict beside a twin."""
    for running in locked_all(queries.survey_running()):
        if running.at > now - LONGEST_SURVEY:
            return None
        settling.stop(running, actor=actor, why="It did not come to its end", now=now)
    return _begun(actor, now)


def _begun(actor: Actor, now: datetime) -> Survey:
    survey = Survey(started_by=actor.label, at=now, worked_at=now)
    try:
        create(survey, actor=actor, why="To find what has gone stale", now=now)
    except IntegrityError:  # somebody began one in the same moment
        raise _running("Another survey") from None
    after_commit(RUN_SURVEY, survey.pk)
    return survey


def run_survey(*, survey_id: UUID, actor: Actor, clock: Callable[[], datetime]) -> None:
    """Go on with a survey to its end, a part at a time: looked at first, then written. Safe to run twice at once."""
    survey = Survey.objects.get(pk=survey_id)
    for part in PARTS:
        if part not in survey.done:
            _settle(survey, part, _found(survey, part), actor=actor, now=clock())
    _finish(survey_id, actor=actor, now=clock())


def _found(survey: Survey, part: str) -> Sequence[Found]:
    """What there is to find, read outside of any transaction of ours."""
    if part == ROLES:
        return suggested(survey)
    return [settling.finding(one, survey) for one in stale.look(Stale(part), survey.at)]


@unit_of_work()
def _settle(survey: Survey, part: str, found: Sequence[Found], *, actor: Actor, now: datetime) -> None:
    held = locked(Survey.objects.all(), survey.pk)
    if held.state == SurveyState.RUNNING and part not in held.done:
        settling.settle(held, part, found, actor=actor, now=now)


@unit_of_work()
def _finish(survey_id: UUID, *, actor: Actor, now: datetime) -> None:
    survey = locked(Survey.objects.all(), survey_id)
    if survey.state == SurveyState.RUNNING:
        settling.finish(survey, actor=actor, now=now)


@unit_of_work()
def dismiss_finding(
    *, finding_id: UUID, reason: str, until: datetime | None, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> StaleFinding:
    """Let a finding be until a moment. Raises NotFound, Denied, Conflict, Invalid."""
    permissions.dismissable_finding(actor, finding_id, now)
    found = locked(StaleFinding.objects.all(), finding_id)
    as_seen()
    return _dismiss(found, reason, until, actor, now)


@unit_of_work()
def dismiss_suggestion(
    *, suggestion_id: UUID, reason: str, until: datetime | None, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> RoleSuggestion:
    """Let a suggestion be until a moment. Raises NotFound, Denied, Conflict, Invalid."""
    permissions.dismissable_suggestion(actor, suggestion_id)
    found = locked(RoleSuggestion.objects.all(), suggestion_id)
    as_seen()
    return _dismiss(found, reason, until, actor, now)


def _dismiss(found: D, reason: str, until: datetime | None, actor: Actor, now: datetime) -> D:
    wrong = {}
    if len(reason.strip()) < SHORTEST_REASON:
        wrong["reason"] = "Say why, in a sentence: who looks next reads this."
    if until is None or until <= now:
        wrong["until"] = "Name a day to come."
    elif until > now + LONGEST_DISMISSAL:
        wrong["until"] = f"At most {LONGEST_DISMISSAL.days} days from now."
    if wrong:
        raise Invalid(wrong)
    told: dict[str, Any] = {"state_reason": reason.strip(), "dismissed_by": actor.label, "dismissed_until": until}
    return move(found, FoundState.DISMISSED, actor=actor, why=reason.strip(), now=now, **told)
