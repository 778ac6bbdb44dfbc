"""Putting versions of rules in force, and ending them, past the second person whom a proposed change asks."""

from datetime import datetime
from uuid import UUID

from governance.core.actor import Actor
from governance.core.locking import unit_of_work
from governance.policy import moves, permissions
from governance.policy.models import PolicyRuleVersion


@unit_of_work()
def publish(*, version_id: UUID, effective_from: datetime, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    """Publish a draft, as its approved change would."""
    version = permissions.lock_version(actor, "publish", version_id, now)
    return moves.publish(version, effective_from=effective_from, actor=actor, why=why, now=now)


@unit_of_work()
def retire(*, version_id: UUID, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    """End a version, as its approved change would."""
    version = permissions.lock_version(actor, "retire", version_id, now)
    return moves.retire(version, actor=actor, why=why, now=now)
