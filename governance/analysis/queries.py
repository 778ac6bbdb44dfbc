"""What was decided before, batch by batch in the order of a key: so much is read at a time, and so much in memory.

Of each decision only what the version's condition names is read at first. No transaction stays open between batches.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from governance.analysis.models import Replay, Survey
from governance.analysis.states import ReplayState, Source, SurveyState
from governance.grants.models import Grant
from governance.grants.states import STANDING
from governance.policy.judging import Kept
from governance.requests.models import RequestItem

BATCH: Final = 5_000
"""Requests or grants that are read at a time."""

REQUESTS: Final = """
WITH batch AS MATERIALIZED (
    SELECT id, number, submitted_at FROM governance_accessrequest
    WHERE submitted_at >= %(since)s AND submitted_at <= %(at)s AND (submitted_at, id) > (%(last_at)s, %(last)s)
    ORDER BY submitted_at, id LIMIT %(batch)s
)
SELECT batch.id, batch.number, batch.submitted_at, decision.id, {facts}, {spoken}, {broken}
FROM batch LEFT JOIN governance_requestitem AS item ON item.request_id = batch.id
LEFT JOIN governance_policydecision AS decision ON decision.id = item.policy_decision_id
ORDER BY batch.submitted_at, batch.id
"""

GRANTS: Final = """
WITH batch AS MATERIALIZED (
    SELECT id, number, starts_at, activation_decision_id FROM governance_grant
    WHERE state = ANY(%(standing)s) AND starts_at <= %(at)s AND ends_at > %(at)s AND id > %(last)s
    ORDER BY id LIMIT %(batch)s
)
SELECT batch.id, batch.number, batch.starts_at, decision.id, {facts}, {spoken}, {broken}
FROM batch LEFT JOIN governance_policydecision AS decision ON decision.id = batch.activation_decision_id
ORDER BY batch.id
"""

STATEMENTS: Final = {Source.REQUEST: REQUESTS, Source.GRANT: GRANTS}
LEFT_ALONE: Final = timedelta(seconds=45)
"""After so long without a batch, a worker has died or was never woken."""

SURVEY_LEFT_ALONE: Final = timedelta(minutes=10)
"""The same of a survey: no part of one takes as long."""

FIRST: Final = UUID(int=0)
MISSING: Final = '{"missing": true}'
"""What stands for a fact that a decision does not keep: no fact is an object."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was decided, with its decision as it is read at first; without one there is nothing to replay."""

    subject_id: UUID
    number: int
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in order, how many requests or grants they are, and where to go on; no place once there are no more."""

    rows: Sequence[Row]
    place: list[str] | None


def batch(replay: Replay, source: str, place: Sequence[str], names: Sequence[str]) -> Batch:
    """The rows after the place; `names` are the facts that are read of each. One query."""
    last_at, last = (place[0], place[1]) if place else (replay.since.isoformat(), str(FIRST))
    values: dict[str, Any] = {"since": replay.since, "at": replay.at, "last_at": last_at, "last": last, "batch": BATCH}
    values |= {"standing": sorted(STANDING), "rule": replay.version.rule.key}
    with connection.cursor() as cursor:
        cursor.execute(_statement(source, names), values)
        found = cursor.fetchall()
    if not found:
        return Batch([], None)
    subject_id, _, at, *_ = found[-1]
    return Batch([_row(*row) for row in found], [at.isoformat(), str(subject_id)])


def _statement(source: str, names: Sequence[str]) -> str:
    """The names of facts come from their declaration, never from what somebody has written."""
    paths = [f"coalesce(decision.facts #> '{{{name.replace('.', ',')}}}', '{MISSING}'::jsonb)" for name in names]
    facts = f"jsonb_build_array({', '.join(paths)})"
    mine = "decision.reasons @> jsonb_build_array(jsonb_build_object('rule', %(rule)s::text{}))"
    spoken = f"CASE WHEN {mine.format('')} THEN (decision.rule_versions ->> %(rule)s)::int END"
    broken = mine.format(", 'broken', true")
    return STATEMENTS[Source(source)].format(facts=facts, spoken=spoken, broken=broken)


def _row(subject_id: UUID, number: int, _at: datetime, decision_id: UUID | None, facts: Any, *said: Any) -> Row:
    if decision_id is None:
        return Row(subject_id, number, None)
    return Row(subject_id, number, Kept(decision_id, _facts(facts), *said))


def _facts(said: Any) -> tuple[Any, ...] | None:
    """The facts as a key to remember answers by; None if one is missing."""
    found = json.loads(said) if isinstance(said, str) else said
    if any(isinstance(one, dict) for one in found):
        return None
    return tuple(tuple(one) if isinstance(one, list) else one for one in found)


def totals(replay: Replay) -> dict[str, int]:
    """How much there is to replay."""
    items = RequestItem.objects.filter(request__submitted_at__gte=replay.since, request__submitted_at__lte=replay.at)
    leases = Grant.objects.filter(state__in=STANDING, starts_at__lte=replay.at, ends_at__gt=replay.at)
    return {Source.REQUEST: items.count(), Source.GRANT: leases.count()}


def running() -> "QuerySet[Replay]":
    """The replays that are not over."""
    return Replay.objects.filter(state=ReplayState.RUNNING)


def left_alone(now: datetime) -> "QuerySet[Replay]":
    """Those of them that no worker has been at for a while."""
    return running().filter(progress__worked_at__lt=now - LEFT_ALONE)


def survey_running() -> "QuerySet[Survey]":
    """The survey that is not over; there is one at most."""
    return Survey.objects.filter(state=SurveyState.RUNNING)


def surveys_left_alone(now: datetime) -> "QuerySet[Survey]":
    """The same, if no worker has been at it for a while."""
    return survey_running().filter(worked_at__lt=now - SURVEY_LEFT_ALONE)


def latest_survey() -> Survey | None:
    """The last one that was begun."""
    return Survey.objects.order_by("-number").first()
