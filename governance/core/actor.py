"""Who acts. An actor has no default anywhere: whoever forgets one does not type-check."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class ActorKind(StrEnum):
    """What stands behind an act."""

    HUMAN = "human"
    MACHINE = "machine"  # a machine identity, through the API
    SYSTEM = "system"  # the portal's own work: a sweep, a connector, a policy


class Role(StrEnum):
    """The portal's own roles. Each is an entitlement of the portal system, held by a grant (rule 17)."""

    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who asks for an act, with everything that permissions and records need of them.

    `identity_ids` are all identities of the same human, since they count as one wherever duties
    are separated (rule 2). `roles` are those held by a usable grant at the moment the actor was made.
    `assurance` is the session's strength as an authenticator assurance level (NIST SP 800-63B), 0 when none, and
    `proven_at` is when that level was last proven, None when nobody knows. `errand` is what the portal's own work
    carries out where people have said yes to it, such as the run of a feed: who they are is read from its events.
    """

    kind: ActorKind
    label: str
    user_id: UUID | None = None
    identity_id: UUID | None = None
    human_id: UUID | None = None
    identity_ids: frozenset[UUID] = field(default_factory=frozenset)
    roles: frozenset[Role] = field(default_factory=frozenset)
    assurance: int = 0
    proven_at: datetime | None = None
    errand: UUID | None = None

    @classmethod
    def system(cls, name: str, errand: UUID | None = None) -> "Actor":
        """The portal's own work, named after what does it: `Actor.system("expiry")`."""
        return cls(kind=ActorKind.SYSTEM, label=name, errand=errand)

    @property
    def id(self) -> UUID | None:
        """What events name as the actor: the identity, the sign-in account where none is linked, or the errand."""
        return self.identity_id or self.user_id or self.errand

    def has(self, *roles: Role) -> bool:
        """Whether any of the roles is held."""
        return not self.roles.isdisjoint(roles)
