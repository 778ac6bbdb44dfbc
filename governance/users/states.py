from collections.abc import Mapping

from django.db.models import TextChoices


class Scope(TextChoices):
    """What a token may be used for. No scope gives more than its holder may do anyway."""

    READ = "read", "Read what its holder may see"
    REQUEST = "request", "Submit, withdraw, answer and comment on requests"
    DECIDE = "decide", "Decide approval steps"
    WORK = "work", "Report, confirm and send back manual tasks"
    END = "end", "Hand back and revoke grants, and revoke tokens"
    INBOX = "inbox", "Mark notifications as read, and choose what is mailed"
    FEED = "feed", "Hand in, accept and discard files of people feeds"
    POLICY = "policy", "Draft policy rules, keep examples with them, and replay them"
    EXPORT = "export", "Export lists and chains of custody"


class TokenState(TextChoices):
    """A token's life. Past its end it is refused whatever its state says."""

    ACTIVE = "active", "Active"
    REVOKED = "revoked", "Revoked"


MOVES: Mapping[str, frozenset[str]] = {TokenState.ACTIVE: frozenset({TokenState.REVOKED})}
