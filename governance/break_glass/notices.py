"""Who is told of break-glass: as it happens, when its review waits, and when that waits too long."""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from governance.break_glass.models import BreakGlass
from governance.break_glass.rules import REVIEW_TERM
from governance.break_glass.states import GlassState
from governance.notifications.moves import Notice, notify_at_once
from governance.notifications.states import Topic
from governance.policy.words import minute


def tell_taken(glass: BreakGlass, people: Iterable[UUID], *, now: datetime) -> None:
    """Access was taken at once: security, the owners, and those whom policy would have asked."""
    grant = glass.grant
    title = f"{glass.holder} has taken {grant.entitlement} at once"
    body = (
        f"{glass} for {glass.incident}: {glass.justification} {grant} ends {minute(grant.ends_at)}."
        " Nobody was asked before; security can stop it."
    )
    _tell(glass, people, title, body, f"glass taken:{glass.pk}", now=now)


def tell_stopped(glass: BreakGlass, why: str, *, now: datetime) -> None:
    """Security has stopped it: the holder, and those who were told of it."""
    title = f"{glass} of {glass.holder} was stopped"
    body = f"{glass.grant.entitlement} is removed, and with it every other lease of the same access. {why}"
    _tell(glass, {glass.holder_id, *glass.told}, title, body, f"glass stopped:{glass.pk}", now=now)


def tell_waiting(glass: BreakGlass, people: Collection[UUID], *, now: datetime) -> None:
    """It has ended and waits to be reviewed or closed; once, and then once a day when it is overdue."""
    todo = "its review" if glass.state == GlassState.OPEN else "what it exposed to be rotated, and to be closed"
    title, due = f"{glass} of {glass.holder} waits for {todo}", glass.grant.ends_at + REVIEW_TERM
    body = f"{glass.grant.entitlement}, for {glass.incident}. It is due {minute(due)}."
    mark = f"glass ended:{glass.pk}"
    if now >= due:
        mark = f"glass overdue:{glass.pk}:{(now - due).days}"
        title, body = f"Overdue: {title}", f"{glass.grant.entitlement}, for {glass.incident}. It was due {minute(due)}."
    _tell(glass, people, title, body, mark, now=now)


def _tell(glass: BreakGlass, people: Iterable[UUID], title: str, body: str, once: str, *, now: datetime) -> None:
    subject = (BreakGlass.NOUN, glass.pk)
    notify_at_once((Notice(pk, Topic.EMERGENCY, title, body, subject, once) for pk in people), now=now)
