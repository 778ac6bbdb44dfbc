"""Recording what happens to sign-in accounts. Their rows are allauth's and Django's; the record is ours."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.moves import plain
from governance.users.models import User

NOUN = "user"


def record_act(
    user: User, verb: str, *, actor: Actor, why: str, now: datetime, facts: Mapping[str, Any] | None = None
) -> None:
    """Append the event `user.<verb>` in the running transaction."""
    record([Event(f"{NOUN}.{verb}", actor, NOUN, user.pk, user.name, why, now, plain(facts or {}))])
