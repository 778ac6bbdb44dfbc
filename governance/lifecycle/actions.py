"""Journeys: of identities, of purposes, and of a change of policy through all live leases."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from governance.core import stepup
from governance.core.actor import Actor
from governance.core.locking import locked_all, unit_of_work
from governance.core.stepup import Sensitive
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import moves, permissions, reevaluation, retirement, succession
from governance.lifecycle.models import Reevaluation, ReevaluationProgress
from governance.lifecycle.states import ReevaluationState
from governance.policy.judging import Judge
from governance.policy.queries import versions_in_force
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState

AT_A_TIME: Final = timedelta(minutes=2)
"""How long one task works at a re-evaluation: a message that takes longer is handed out twice."""


@unit_of_work()
def end_identity(*, identity_id: UUID, actor: Actor, reason: str, now: datetime) -> Identity:
    """A leaver, or a machine identity retired: access ends, what they own passes on, open decisions move (rule 8).

    Locks in the one order: purposes, identities, ownerships, assignments, grants, requests, routes, steps. Where
    nobody is left to take over, what the identity answered for ends with it.
    Raises NotFound, Denied, StepUpRequired, IllegalMove.
    """
    permissions.require(actor)
    stepup.require(actor, Sensitive.END_IDENTITY, now)
    identity, heirs = succession.lock(identity_id, now)
    moves.end(identity, heirs, actor=actor, reason=reason, now=now)
    return identity


@unit_of_work()
def end_if_due(*, identity_id: UUID, actor: Actor, now: datetime) -> None:
    """End an identity whose last day has passed. Safe to run twice, or late: an end that was put off counts."""
    identity, heirs = succession.lock(identity_id, now)
    if identity.state != Status.ENDED and identity.ends_at is not None and identity.ends_at <= now:
        moves.end(identity, heirs, actor=actor, reason="The identity came to its end", now=now)


@unit_of_work()
def retire_if_due(*, purpose_id: UUID, actor: Actor, now: datetime) -> bool:
    """Retire a purpose that has come to its end, or one of which all that rested on it is proven gone by now.

    Answers whether it moved: safe to run twice or late.
    """
    for purpose in locked_all(Purpose.objects.filter(pk=purpose_id)):
        if purpose.state == PurposeState.ACTIVE and purpose.ends_at is not None and purpose.ends_at <= now:
            retirement.lock_resting([purpose_id])
            retirement.retire(purpose, actor=actor, why="It came to its end", now=now)
            return True
        return retirement.settle(purpose, actor=actor, now=now)
    return False


def reevaluate(
    *, reevaluation_id: UUID, actor: Actor, clock: Callable[[], datetime], time_left: timedelta = AT_A_TIME
) -> bool:
    """Go on with a re-evaluation that is due, batch by batch. True if something is left to do.

    Safe to run twice, late, and beside a twin: each batch goes on where the last one ended.
    """
    until = time.monotonic() + time_left.total_seconds()
    judge: Judge | None = None
    while time.monotonic() < until:
        judge = _reevaluate(reevaluation_id, judge, actor=actor, now=clock())
        if judge is None:
            return False
    return True


@unit_of_work()
def _reevaluate(reevaluation_id: UUID, judge: Judge | None, *, actor: Actor, now: datetime) -> Judge | None:
    """One batch. None once there is nothing left to do now, or a twin is at it."""
    due = Reevaluation.objects.filter(pk=reevaluation_id, due_at__lte=now, state=ReevaluationState.RUNNING)
    for found in locked_all(due.select_related("version__rule"), skip_locked=True):
        progress = ReevaluationProgress.objects.get(reevaluation=found)
        if not versions_in_force(now).filter(pk=found.version_id).exists():
            reevaluation.stop(found, progress, actor=actor, why=f"{found.version} is not in force", now=now)
            return None
        judge = judge or Judge(found.version)
        if reevaluation.advance(found, progress, judge, actor=actor, now=now):
            return judge
        reevaluation.finish(found, progress, actor=actor, now=now)
    return None
