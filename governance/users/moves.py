"""Sign-in accounts and tokens. A token is made, used and revoked; what happens to an account is put on record."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.locking import locked_all
from governance.core.moves import create, move_many, plain
from governance.users.models import ApiToken, ApiTokenUse, User
from governance.users.queries import USE_IS_NOTED_EVERY, last_used
from governance.users.states import TokenState
from governance.users.tokens import new_secret

NOUN = "user"


def issue(
    *,
    name: str,
    user_id: UUID | None,
    identity_id: UUID | None,
    scopes: Collection[str],
    ends_at: datetime,
    actor: Actor,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token of a user or a machine identity. Answers it with its secret, which nobody can read again."""
    secret = new_secret()
    token = ApiToken(
        name=name,
        user_id=user_id,
        identity_id=identity_id,
        scopes=sorted(scopes),
        prefix=secret.prefix,
        digest=secret.digest,
        created_at=now,
        ends_at=ends_at,
    )
    return create(token, actor=actor, why="A token was made", now=now), secret.text


def revoke_all(*, identity_id: UUID, user_id: UUID | None, actor: Actor, why: str, now: datetime) -> None:
    """Revoke every token of an identity and of its user, whether or not it has come to its end."""
    theirs = Q(identity_id=identity_id) | (Q(user=user_id) if user_id else Q())
    tokens = locked_all(ApiToken.objects.filter(theirs, state=TokenState.ACTIVE))
    move_many(tokens, TokenState.REVOKED, actor=actor, why=why, now=now)


def note_use(token: ApiToken, now: datetime) -> None:
    """Remember that the token was used, at most once a minute: it is no change, and leaves no event."""
    last = last_used(token)
    if last is None or now - last >= USE_IS_NOTED_EVERY:
        ApiTokenUse.objects.update_or_create(token=token, defaults={"last_used_at": now})


def record_act(
    user: User, verb: str, *, actor: Actor, why: str, now: datetime, facts: Mapping[str, Any] | None = None
) -> None:
    """Append the event `user.<verb>` in the running transaction."""
    record([Event(f"{NOUN}.{verb}", actor, NOUN, user.pk, user.name, why, now, plain(facts or {}))])
