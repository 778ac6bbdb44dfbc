"""Who comes to answer for what. Callers hold the thing and decide who may say so."""

from datetime import datetime
from typing import TypeVar

from django.core.exceptions import ValidationError

from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import amend, create
from governance.identities.models import Identity, Ownership, Team
from governance.identities.states import OwnerRole

G = TypeVar("G", bound=Governed)


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


def introduce(thing: G, owner: Identity, *, actor: Actor, why: str, now: datetime) -> G:
    """Keep a new thing, and whom it belongs to. Raises Invalid, with what is wrong at each field."""
    try:
        thing.full_clean()
    except ValidationError as error:
        raise Invalid({name: " ".join(messages) for name, messages in error.message_dict.items()}) from error
    create(thing, actor=actor, why=why, now=now)
    answer_for(thing, owner, actor=actor, why=why, now=now)
    return thing


def pass_on(
    thing: Governed, holder: Identity | Team | None, role: OwnerRole, *, actor: Actor, why: str, now: datetime
) -> None:
    """End who answers for a thing in a role, now or later, and have another do so at once, or nobody."""
    periods = Ownership.objects.unended(now).filter(subject_kind=thing.NOUN, subject_id=thing.pk, role=role)
    for period in locked_all(periods):
        amend(period, "ended", actor=actor, why=why, now=now, ends_at=max(now, period.starts_at))
    if holder is not None:
        answer_for(thing, holder, actor=actor, why=why, now=now, role=role)
