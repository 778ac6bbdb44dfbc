"""Whether there is an OpenID provider to sign in at, and what people call it."""

from typing import Any, Final

from django.conf import settings

PROVIDER_ID: Final = "sso"


def provider_name() -> str:
    """What the provider is called; empty where there is none."""
    configured: dict[str, Any] = settings.SOCIALACCOUNT_PROVIDERS
    return next((str(app["name"]) for app in configured["openid_connect"]["APPS"]), "")
