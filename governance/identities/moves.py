"""Who comes to answer for what. Callers hold the thing and decide who may say so."""

from datetime import datetime

from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import amend, create
from governance.identities.models import Identity, Ownership, Team
from governance.identities.states import OwnerRole


def answer_for(
    thing: Governed,
    holder: Identity | Team,
    *,
    actor: Actor,
    why: str,
    now: datetime,
    role: OwnerRole = OwnerRole.OWNER,
) -> Ownership:
    """Have a person or a team answer for a thing in a role that nobody has from now on."""
    period = Ownership(subject_kind=thing.NOUN, subject_id=thing.pk, role=role, starts_at=now)
    if isinstance(holder, Team):
        period.team = holder
    else:
        period.identity = holder
    return create(period, actor=actor, why=why, now=now)


def pass_on(
    thing: Governed, holder: Identity | Team | None, role: OwnerRole, *, actor: Actor, why: str, now: datetime
) -> None:
    """End who answers for a thing in a role, now or later, and have another do so at once, or nobody."""
    periods = Ownership.objects.unended(now).filter(subject_kind=thing.NOUN, subject_id=thing.pk, role=role)
    for period in locked_all(periods):
        amend(period, "ended", actor=actor, why=why, now=now, ends_at=max(now, period.starts_at))
    if holder is not None:
        answer_for(thing, holder, actor=actor, why=why, now=now, role=role)
