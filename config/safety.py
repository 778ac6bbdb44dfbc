"""Combinations of settings that must not start: the demonstration on a server that others can reach.

If this is wrong, anyone who reaches the portal is any persona they like.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from config import env
from config.env import ConfigurationError, Environment


def require_safe(values: Environment) -> None:
    """Raise ConfigurationError with every reason why these values may not run together."""
    problems = []
    if values[env.DEBUG]:
        problems += _only_loopback("DEBUG", {"HOST": values[env.HOST]})
    if values[env.DEMO_MODE]:
        problems += _only_loopback("DEMO_MODE", _demo_hosts(values)) + _production_switches(values)
    elif not values[env.DEBUG] and _writes_mail_to_the_log(values):
        problems.append("EMAIL_URL is console:, which writes links that reset passwords to the log")
    problems += _provider(values)
    if problems:
        raise ConfigurationError(problems)


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached under this name, address or socket directory."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def database_hosts(url: str) -> str:
    """The servers that a database address names, separated by commas as libpq has them."""
    parts = conninfo_to_dict(url)
    return str(parts.get("hostaddr") or parts.get("host") or "localhost")


def _demo_hosts(values: Environment) -> dict[str, str]:
    allowed = values[env.ALLOWED_HOSTS]
    origins = values[env.CSRF_TRUSTED_ORIGINS]
    return {
        "HOST": values[env.HOST],
        "DATABASE_URL": database_hosts(values[env.DATABASE_URL]),
        "REDIS_URL": urlsplit(values[env.REDIS_URL]).hostname or "localhost",
        "ALLOWED_HOSTS": ",".join(allowed),
        "CSRF_TRUSTED_ORIGINS": ",".join(urlsplit(o).hostname or o for o in origins),
    }


def _only_loopback(mode: str, hosts: Mapping[str, str]) -> list[str]:
    return [
        f"{mode} allows only this machine, but {name} names {host}"
        for name, listed in hosts.items()
        for host in listed.split(",")
        if host and not is_loopback(host)
    ]


def _production_switches(values: Environment) -> list[str]:
    switched = {
        "HTTPS_REDIRECT": values[env.HTTPS_REDIRECT],
        "TRUST_PROXY_HEADERS": values[env.TRUST_PROXY_HEADERS],
        "EMAIL_URL": not _writes_mail_to_the_log(values),
    }
    return [f"DEMO_MODE is not for production, but {name} is set" for name, on in switched.items() if on]


def _provider(values: Environment) -> list[str]:
    """Whoever stands between the portal and a provider over plain HTTP can sign in as anybody."""
    address = urlsplit(values[env.OIDC_SERVER_URL])
    if not address.scheme:
        return []
    problems = []
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        problems.append("OIDC_SERVER_URL has to begin with https: outside this machine")
    if not values[env.OIDC_CLIENT_ID]:
        problems.append("OIDC_SERVER_URL is set, but OIDC_CLIENT_ID is not")
    return problems


def _writes_mail_to_the_log(values: Environment) -> bool:
    return values[env.EMAIL_URL].startswith("console:")
