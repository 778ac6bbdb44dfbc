from collections.abc import Mapping

from django.db.models import TextChoices


class Scope(TextChoices):
    """What a token may be used for. No scope gives more than its holder may do anyway."""

    READ = "read", "Read what its holder may see"
    REQUEST = "request", "Submit, withdraw and answer requests"
    DECIDE = "decide", "Decide approval steps"
    END = "end", "Hand back and revoke grants"
    EXPORT = "export", "Export lists and chains of custody"


class TokenState(TextChoices):
    """A token's life. Past its end it is refused whatever its state says."""

    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


MOVES: Mapping[str, frozenset[str]] = {TokenState.ACTIVE: frozenset({TokenState.REVOKED})}
