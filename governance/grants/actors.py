"""Who acts behind a sign-in, with everything that permissions and records need of them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.conf import settings

from governance.core.actor import Actor, ActorKind, Role
from governance.grants.queries import portal_roles
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.identities.states import MACHINE_KINDS


def actor_of(
    user_id: UUID,
    assurance: int,
    now: datetime,
    *,
    proven_at: datetime | None = None,
    claimed: Collection[str] = (),
) -> Actor | None:
    """The actor behind a sign-in account, with the roles held at this moment; None without an active identity.

    A role for which a claim is demanded counts only if it is among those `claimed`, and leased: never without a lease.
    """
    identity = Identity.objects.active(now).filter(user=user_id).first()
    if identity is None:
        return None
    own = same_human([identity.pk])
    return Actor(
        kind=ActorKind.HUMAN,
        label=identity.name,
        user_id=user_id,
        identity_id=identity.pk,
        human_id=identity.human_id,
        identity_ids=own,
        roles=portal_roles(own, user_id, now) - {Role(name) for name in settings.OIDC_ROLES.keys() - set(claimed)},
        assurance=assurance,
        proven_at=proven_at,
    )


def machine_actor(identity_id: UUID, assurance: int, now: datetime) -> Actor | None:
    """A machine identity that acts for itself; None unless it is active. It holds no role of the portal."""
    identity = Identity.objects.active(now).filter(pk=identity_id, kind__in=MACHINE_KINDS).first()
    if identity is None:
        return None
    return Actor(
        kind=ActorKind.MACHINE,
        label=identity.name,
        identity_id=identity.pk,
        identity_ids=frozenset({identity.pk}),
        assurance=assurance,
    )
