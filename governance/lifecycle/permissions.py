"""Who may end an identity."""

from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Denied

ENDS_IDENTITIES = (Role.ADMINISTRATOR, Role.SECURITY)


def require(actor: Actor) -> None:
    """Raise Denied for all but administrators, security and the portal itself."""
    if actor.kind != ActorKind.SYSTEM and not actor.has(*ENDS_IDENTITIES):
        raise Denied("Only an administrator or security ends an identity.")
