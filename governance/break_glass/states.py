from collections.abc import Mapping

from django.db.models import TextChoices


class GlassState(TextChoices):
    """What has become of access that was taken at once. Whether it stands is the grant's to say."""

    OPEN = "open", "Not reviewed"
    REVIEWED = "reviewed", "Reviewed"
    CLOSED = "closed", "Closed"


GLASS_MOVES: Mapping[str, frozenset[str]] = {
    GlassState.OPEN: frozenset({GlassState.REVIEWED}),
    GlassState.REVIEWED: frozenset({GlassState.CLOSED}),
}


class ExposureState(TextChoices):
    """Whether a credential that was exposed still opens anything."""

    EXPOSED = "exposed", "Exposed"
    ROTATED = "rotated", "Rotated"


EXPOSURE_MOVES: Mapping[str, frozenset[str]] = {ExposureState.EXPOSED: frozenset({ExposureState.ROTATED})}


class Secret(TextChoices):
    """The kinds of credential that can be exposed. What it says is never kept."""

    API_KEY = "api_key", "API key"
    TOKEN = "token", "Token"
    CLIENT_SECRET = "client_secret", "Client secret"
    CERTIFICATE = "certificate", "Certificate"
    SSH_KEY = "ssh_key", "SSH key"
    PASSWORD = "password", "Password"
    OAUTH_GRANT = "oauth_grant", "Delegated OAuth grant"
