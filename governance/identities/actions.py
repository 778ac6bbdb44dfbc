"""API tokens, made and revoked by those whose they are."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import move
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.identities import permissions
from governance.identities.models import Identity
from governance.users import moves as tokens
from governance.users.models import ApiToken
from governance.users.states import Scope, TokenState

SHORTEST_LIFE = timedelta(minutes=1)


@unit_of_work()
def make_token(
    *,
    holder_id: UUID,
    name: str,
    scopes: Collection[str],
    ends_at: datetime,
    longest: timedelta,
    actor: Actor,
    now: datetime,
) -> tuple[ApiToken, str]:
    """Make a token for oneself or for a machine identity one owns. Answers it with its secret, which is shown once.

    It ends, `longest` from now at most, and never later than its holder. Raises NotFound, Denied, Invalid,
    StepUpRequired.
    """
    permissions.require_hand(actor)
    allowed = permissions.token_holders(actor, now)
    held = locked_all(Identity.objects.filter(pk__in=allowed.order_by().values("pk"), pk=holder_id))
    if not held or not held[0].acts(now):
        raise NotFound
    if wrong := _wrong(held[0], name, scopes, ends_at, longest, now):
        raise Invalid(wrong)
    stepup.require(actor, Sensitive.MAKE_CREDENTIAL, now)
    machine = held[0].is_machine
    return tokens.issue(
        name=name.strip(),
        user_id=None if machine else actor.user_id,
        identity_id=held[0].pk if machine else None,
        scopes=set(scopes),
        ends_at=ends_at,
        actor=actor,
        now=now,
    )


def _wrong(
    holder: Identity, name: str, scopes: Collection[str], ends_at: datetime, longest: timedelta, now: datetime
) -> dict[str, str]:
    """What is wrong with a token that is asked for, by field."""
    found: dict[str, str] = {}
    if not name.strip():
        found["name"] = "Name it after what will use it."
    if not scopes or not set(scopes) <= set(Scope.values):
        found["scopes"] = "Choose what it may be used for."
    if ends_at < now + SHORTEST_LIFE:
        found["ends_at"] = "The end lies in the past. A token ends later than it begins."
    elif ends_at > now + longest:
        found["ends_at"] = f"A token lasts {longest.days} days at most."
    elif holder.ends_at is not None and ends_at > holder.ends_at:
        found["ends_at"] = f"{holder} ends on {holder.ends_at:%d %b %Y %H:%M} UTC, and its tokens no later."
    return found


@unit_of_work()
def revoke_token(*, token_id: UUID, actor: Actor, now: datetime, as_seen: AsSeen = unsaid) -> ApiToken:
    """End a token at once. Raises NotFound, Denied, Conflict."""
    token = permissions.lock_token(actor, token_id, now)
    as_seen()
    return move(token, TokenState.REVOKED, actor=actor, why="Revoked by hand", now=now)
