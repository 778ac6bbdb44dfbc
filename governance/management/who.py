"""Who stands behind a command."""

from datetime import datetime

from django.core.management.base import CommandError

from governance.core import stepup
from governance.core.actor import Actor
from governance.grants.actors import actor_of
from governance.users.models import User


def named(username: str | None, command: str, now: datetime) -> Actor:
    """The actor behind the account, with the roles held now; without one, the command itself. Raises CommandError.

    Whoever runs commands holds the keys to all data: a second factor would add nothing.
    """
    if not username:
        return Actor.system(command)
    user = User.objects.filter(username=username).first()
    actor = actor_of(user.pk, stepup.LEVEL, now, proven_at=now) if user else None
    if actor is None:
        msg = f"{username} has no account with an active identity."
        raise CommandError(msg)
    return actor
