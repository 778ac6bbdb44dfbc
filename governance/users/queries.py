"""Who a token signs in."""

from datetime import datetime, timedelta

from governance.users.models import ApiToken, ApiTokenUse
from governance.users.tokens import is_secret, prefix_of

USE_IS_NOTED_EVERY = timedelta(minutes=1)


def token_of(secret: str, now: datetime) -> ApiToken | None:
    """The token with the secret, if it signs in at the moment; one query."""
    prefix = prefix_of(secret)
    if prefix is None:
        return None
    token = ApiToken.objects.working(now).select_related("user", "use").filter(prefix=prefix).first()
    return token if token is not None and is_secret(secret, token.digest) else None


def last_used(token: ApiToken) -> datetime | None:
    """When it was last used, to the minute; needs `use` selected."""
    use: ApiTokenUse | None = getattr(token, "use", None)
    return use.last_used_at if use else None
