"""Who may end an identity."""

from uuid import UUID

from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Denied, NotFound
from governance.core.locking import locked_all
from governance.identities.models import Identity

ENDS_IDENTITIES = (Role.ADMINISTRATOR, Role.SECURITY)


def lock(actor: Actor, pk: UUID) -> Identity:
    """Take an identity to end it. Raises NotFound, or Denied for all but administrators, security and the portal."""
    if actor.kind != ActorKind.SYSTEM and not actor.has(*ENDS_IDENTITIES):
        raise Denied("Only an administrator or security ends an identity.")
    found = locked_all(Identity.objects.filter(pk=pk).select_related("user", "manager"))
    if not found:
        raise NotFound
    return found[0]
