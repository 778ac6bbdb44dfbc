"""Who may see an identity, and whose API tokens are whose."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.identities.models import Identity
from governance.identities.queries import owned_ids
from governance.identities.querysets import IdentityQuerySet
from governance.identities.states import MACHINE_KINDS
from governance.users.models import ApiToken
from governance.users.querysets import TokenQuerySet
from governance.users.states import TokenState

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
REVOKES_ALL = (Role.SECURITY, Role.ADMINISTRATOR)


def visible(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """The actor's own identities, those they own, and their reports; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return Identity.objects.all()
    mine = actor.identity_ids
    owned = owned_ids(Identity.NOUN, mine, now)
    return Identity.objects.filter(Q(pk__in=mine) | Q(pk__among=owned) | Q(manager__in=mine))


def token_holders(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """For whom the actor may make tokens: themselves, and the active machine identities they own."""
    machines = Q(kind__in=MACHINE_KINDS, pk__among=owned_ids(Identity.NOUN, actor.identity_ids, now))
    return Identity.objects.active(now).filter(Q(pk=actor.identity_id) | machines).order_by("name")


def visible_tokens(actor: Actor, now: datetime) -> "TokenQuerySet[ApiToken]":
    """Tokens of the actor and of the machine identities they own; all for those who oversee. Never a secret."""
    if actor.has(*SEES_ALL):
        return ApiToken.objects.all()
    return ApiToken.objects.filter(_theirs(actor, now))


def _theirs(actor: Actor, now: datetime) -> Q:
    own = Q(user=actor.user_id) if actor.user_id else Q(identity_id__in=actor.identity_ids)
    return own | Q(identity_id__in=owned_ids(Identity.NOUN, actor.identity_ids, now))


def require_hand(actor: Actor) -> None:
    """Raise Denied for all but people, who make tokens on the portal's own pages: no token makes another."""
    if actor.kind != ActorKind.HUMAN:
        raise Denied("Only a person who has signed in makes tokens.")


def revocable(actor: Actor, tokens: Sequence[ApiToken], now: datetime) -> frozenset[UUID]:
    """Those of the visible tokens that the actor may revoke: their own, of what they own, or any as security."""
    ids = [token.pk for token in tokens]
    if actor.has(*REVOKES_ALL):
        return frozenset(ids)
    return frozenset(ApiToken.objects.filter(_theirs(actor, now), pk__in=ids).values_list("pk", flat=True))


def lock_token(actor: Actor, pk: UUID, now: datetime) -> ApiToken:
    """Take a token one may revoke. Raises NotFound, Denied, or Conflict when it is revoked already."""
    try:
        token = locked(ApiToken.objects.filter(pk__in=visible_tokens(actor, now).values("pk")), pk)
    except ApiToken.DoesNotExist:
        raise NotFound from None
    if not revocable(actor, [token], now):
        raise Denied("Only its holder, the owner of the machine identity, security or an administrator revokes it.")
    if token.state == TokenState.REVOKED:
        msg = f"{token} is revoked already."
        raise Conflict(msg, code="already_revoked")
    return token
