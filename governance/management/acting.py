"""People as they act where nobody is at a keyboard: in the demonstration and in benchmarks."""

from django.utils import timezone

from governance.core.actor import Actor, ActorKind, Role
from governance.identities.models import Identity


def signed_in(identity: Identity, *roles: Role) -> Actor:
    """The person as if just signed in with a second factor, in the roles of the portal that are named."""
    return Actor(
        kind=ActorKind.HUMAN,
        label=identity.name,
        user_id=identity.user_id,
        identity_id=identity.pk,
        human_id=identity.human_id,
        identity_ids=frozenset({identity.pk}),
        roles=frozenset(roles),
        assurance=2,
        proven_at=timezone.now(),
    )
