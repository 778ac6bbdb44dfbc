"""Addresses of servers, turned into what Django and Celery want to be told."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

from config import env
from config.env import Environment

MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def database(url: str, *, pool_max: int, lock_timeout_ms: int, idle_timeout_ms: int) -> dict[str, Any]:
    """Django's description of the PostgreSQL database at `url`, with a pool of connections per process.

    Parameters are bound on the client: statements written by hand need no casts. A path that wants prepared
    statements asks for them on a connection of its own.
    """
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    timeouts = f"-c lock_timeout={lock_timeout_ms} -c idle_in_transaction_session_timeout={idle_timeout_ms}"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            **parts,
            "options": f"{timeouts} {parts.pop('options', '')}".strip(),
            "pool": {"min_size": 0, "max_size": pool_max, "timeout": 10},
        },
    }


def provider(values: Environment) -> list[dict[str, Any]]:
    """The OpenID provider as allauth wants to be told of it; an empty list where there is none."""
    if not values[env.OIDC_SERVER_URL]:
        return []
    return [
        {
            "provider_id": "sso",
            "name": values[env.OIDC_NAME],
            "client_id": values[env.OIDC_CLIENT_ID],
            "secret": values[env.OIDC_CLIENT_SECRET],
            "settings": {
                "server_url": values[env.OIDC_SERVER_URL],
                "scope": values[env.OIDC_SCOPES],
                "token_auth_method": "client_secret_basic",  # what a client is registered for unless it says otherwise
            },
        }
    ]


def broker(url: str) -> str:
    """Celery's way to write the address of a Redis server, which may be a Unix socket."""
    if not url.startswith("unix://"):
        return url
    socket = urlsplit(url)
    number = parse_qs(socket.query).get("db", ["0"])[0]
    secret = f":{socket.password}@" if socket.password else ""
    return f"redis+socket://{secret}{socket.path}?virtual_host={number}"


def mail(url: str) -> dict[str, Any]:
    """Django's mail settings for an address such as `smtp+tls://user:password@mail.example:587`."""
    address = urlsplit(url)
    if address.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": address.hostname or "localhost",
        "EMAIL_PORT": address.port or MAIL_PORTS[address.scheme],
        "EMAIL_HOST_USER": unquote(address.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(address.password or ""),
        "EMAIL_USE_TLS": address.scheme == "smtp+tls",
        "EMAIL_USE_SSL": address.scheme == "smtps",
        "EMAIL_TIMEOUT": 10,
    }
