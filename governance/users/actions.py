"""What people do to their ways of signing in, each recorded in the transaction that does it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.utils.crypto import salted_hmac

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.locking import unit_of_work
from governance.users import moves
from governance.users.models import User

R = TypeVar("R")

SIGN_IN = Actor.system("sign-in")
"""Acts where somebody has not proven who they are."""


@unit_of_work()
def change(
    carry_out: Callable[[], R], *, user: User, verb: str, actor: Actor, now: datetime, facts: Mapping[str, Any]
) -> R:
    """Carry out a change to somebody's ways of signing in, and record it as `user.<verb>`: both commit, or neither."""
    result = carry_out()
    moves.record_act(user, verb, actor=actor, why="", now=now, facts=facts)
    return result


@unit_of_work()
def note(user: User, verb: str, *, actor: Actor, now: datetime, facts: Mapping[str, Any]) -> None:
    """Record what was done with a way of signing in: used, refused, confirmed."""
    moves.record_act(user, verb, actor=actor, why="", now=now, facts=facts)


@unit_of_work()
def note_stranger(*, kind: str, name: str, why: str, now: datetime, facts: Mapping[str, Any]) -> None:
    """Record that somebody was not let in whom the portal does not know.

    The name itself is not kept, since people type passwords there; tries with the same name have the same id.
    """
    stranger = UUID(bytes=salted_hmac("sign-in", f"{kind}:{name}", algorithm="sha256").digest()[:16])
    record([Event("sign_in.refused", SIGN_IN, "sign_in", stranger, "Somebody unknown", why, now, facts)])


@unit_of_work()
def remove_factors(*, username: str, actor: Actor, why: str, now: datetime) -> int:
    """Take every second factor from somebody who has lost them all. Answers how many. Raises User.DoesNotExist."""
    user = User.objects.select_for_update().get(username=username)
    factors = user.authenticator_set.all()  # type: ignore[attr-defined]  # allauth's, which has no types
    kinds = sorted(factors.values_list("type", flat=True))
    factors.delete()
    moves.record_act(user, "factors_removed", actor=actor, why=why, now=now, facts={"factors": kinds})
    return len(kinds)
