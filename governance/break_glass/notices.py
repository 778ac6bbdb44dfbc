"""Who is told of break-glass: as it happens, when its review waits, and when that waits too long."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from governance.break_glass.models import BreakGlass
from governance.break_glass.rules import waiting_mark
from governance.break_glass.states import GlassState
from governance.notifications.moves import Notice, notify_at_once
from governance.notifications.states import Topic
from governance.policy.words import minute


def tell_taken(glass: BreakGlass, people: Iterable[UUID], *, unreviewed: Collection[BreakGlass], now: datetime) -> None:
    """Access was taken at once: security, the owners, and those whom policy would have asked.

    `unreviewed` is what the holder has taken of the same before, and nobody has reviewed yet.
    """
    grant = glass.grant
    title = f"{glass.holder} has taken {grant.entitlement} at once"
    body = (
        f"{glass} for {glass.incident}: {glass.justification} {grant} ends {minute(grant.ends_at)}."
        " Nobody was asked before; security can stop it."
    )
    if unreviewed:
        body += f" Taken before, and not reviewed yet: {', '.join(str(one) for one in unreviewed)}."
    _tell(glass, people, title, body, f"glass taken:{glass.pk}", now=now)


def tell_stopped(glass: BreakGlass, why: str, *, now: datetime) -> None:
    """Security has stopped it: the holder, and those who were told of it."""
    title = f"{glass} of {glass.holder} was stopped"
    body = f"{glass.grant.entitlement} is removed, and with it every other lease of the same access. {why}"
    _tell(glass, {glass.holder_id, *glass.told}, title, body, f"glass stopped:{glass.pk}", now=now)


def tell_waiting(glass: BreakGlass, people: Collection[UUID], *, now: datetime) -> None:
    """It has ended and waits to be reviewed or closed; once, and then once a day when it is overdue."""
    title, body = _waiting(glass, now)
    _tell(glass, people, title, body, waiting_mark(glass.pk, glass.due_at, now), now=now)


def tell_stuck(glass: BreakGlass, people: Collection[UUID], *, now: datetime) -> None:
    """The same, where nobody is left who may do it."""
    title, body = _waiting(glass, now)
    body += " Everybody who could do that had a part in it: somebody else has to join security or the governance team."
    _tell(glass, people, title, body, waiting_mark(glass.pk, glass.due_at, now), now=now)


def _waiting(glass: BreakGlass, now: datetime) -> tuple[str, str]:
    todo = "its review" if glass.state == GlassState.OPEN else "what it exposed to be rotated, and to be closed"
    title, due = f"{glass} of {glass.holder} waits for {todo}", glass.due_at
    what, late = f"{glass.grant.entitlement}, for {glass.incident}.", now >= due
    return (f"Overdue: {title}" if late else title), f"{what} It {'was' if late else 'is'} due {minute(due)}."


def _tell(glass: BreakGlass, people: Iterable[UUID], title: str, body: str, once: str, *, now: datetime) -> None:
    subject = (BreakGlass.NOUN, glass.pk)
    notify_at_once((Notice(pk, Topic.EMERGENCY, title, body, subject, once) for pk in people), now=now)
