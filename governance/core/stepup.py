"""Which acts are sensitive, and what a session must be to do them. Enforced by the actions, whoever calls them.

If this is wrong, whoever finds a browser left open, or a password, can decide in somebody else's name.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from governance.core.actor import Actor, ActorKind
from governance.core.errors import Denied

LEVEL: Final = 2
"""The authenticator assurance level that a sensitive act needs (NIST SP 800-63B)."""

FRESH: Final = timedelta(minutes=5)
"""How long ago that level may have been proven. Re-authentication stays valid for as long."""


class Sensitive(StrEnum):
    """Every sensitive act, in words that complete "To …, confirm that it is you"."""

    APPROVE_SENSITIVE = "approve this"
    REVOKE_GRANT = "end somebody's access early"
    APPROVE_MITIGATION = "let somebody hold what a rule keeps apart"
    REDACT_EVENT = "redact an audit event"
    END_IDENTITY = "end an identity"
    MAKE_CREDENTIAL = "make an API token"
    DELEGATE = "let somebody decide in your place"
    BREAK_GLASS = "take access at once"


class StepUpRequired(Denied):
    """The actor may do this, once they have signed in more strongly or afresh. `act` says what was asked for."""

    code = "step_up_required"

    def __init__(self, act: Sensitive) -> None:
        minutes = int(FRESH.total_seconds() // 60)
        super().__init__(
            f"To {act}, confirm that it is you: it needs a sign-in with a second factor, "
            f"not older than {minutes} minutes."
        )
        self.act = act


def stands(actor: Actor, now: datetime) -> bool:
    """Whether the actor's session is strong and fresh enough for a sensitive act. The portal's own work always is."""
    if actor.kind == ActorKind.SYSTEM:
        return True
    return actor.assurance >= LEVEL and actor.proven_at is not None and now - actor.proven_at <= FRESH


def require(actor: Actor, act: Sensitive, now: datetime) -> None:
    """Raise StepUpRequired unless the actor's session is strong and fresh enough for the act."""
    if not stands(actor, now):
        raise StepUpRequired(act)
