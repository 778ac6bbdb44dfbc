"""Journeys of identities. What ends one ends or re-points all that rests on it, in the same transaction."""

from datetime import datetime
from uuid import UUID

from governance.core import stepup
from governance.core.actor import Actor
from governance.core.locking import locked_all, unit_of_work
from governance.core.stepup import Sensitive
from governance.identities.models import Identity
from governance.identities.states import Status
from governance.lifecycle import moves, permissions, retirement, succession
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState


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
