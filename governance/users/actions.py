"""What is recorded of signing in, and of who was not let in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.crypto import salted_hmac

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.locking import unit_of_work
from governance.users import moves
from governance.users.models import User

SIGN_IN = Actor.system("sign-in")
"""Acts where somebody has not proven who they are."""


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
