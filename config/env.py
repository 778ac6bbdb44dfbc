"""Every environment variable, once: its name, type, meaning, and a safe default or none.

`docs/configuration.md` and `.env.example` are generated from this list by `config.env_docs`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

from config import kinds
from config.kinds import Kind

T = TypeVar("T")

TARGET_SECRET = re.compile(r"(DEMO_)?TARGET_[A-Z0-9_]+")


class ConfigurationError(Exception):
    """The environment can't be used; the message lists every reason at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The configuration can't be used:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, eq=False)
class Variable(Generic[T]):
    """One variable. Without `default` it is required; with DEBUG `development` stands in for it."""

    section: str
    name: str
    kind: Kind[T]
    meaning: str
    default: str | None = None
    development: str | None = None
    secret: bool = False


VARIABLES: Final[list[Variable[Any]]] = []


def _declare(section: str, name: str, kind: Kind[T], meaning: str, **rest: Any) -> Variable[T]:
    variable = Variable(section, name, kind, meaning, **rest)
    VARIABLES.append(variable)
    return variable


_S = "Servers"
DATABASE_URL = _declare(
    _S,
    "DATABASE_URL",
    kinds.url("postgresql", "postgres"),
    "The PostgreSQL database (15 or later). `make run` and `make test` start one of their own where this is not set.",
    secret=True,
)
REDIS_URL = _declare(
    _S,
    "REDIS_URL",
    kinds.url("redis", "rediss", "unix"),
    "The Redis or Valkey server for cache, rate limits and task messages. `make run` and `make test` start one of "
    "their own where this is not set. It must not evict keys (`maxmemory-policy noeviction`).",
    default="redis://127.0.0.1:6379/0",
    secret=True,
)
DATABASE_POOL_MAX = _declare(
    _S,
    "DATABASE_POOL_MAX",
    kinds.integer(1, 200),
    "The most database connections one process keeps. At least the threads of a web server or worker.",
    default="10",
)
DATABASE_LOCK_TIMEOUT_MS = _declare(
    _S,
    "DATABASE_LOCK_TIMEOUT_MS",
    kinds.integer(100, 600_000),
    "How long a statement waits for a lock, in milliseconds, before it gives up.",
    default="5000",
)
DATABASE_IDLE_TIMEOUT_MS = _declare(
    _S,
    "DATABASE_IDLE_TIMEOUT_MS",
    kinds.integer(1000, 3_600_000),
    "How long a transaction may stand idle, in milliseconds, before the server ends it.",
    default="60000",
)

_S = "Web server"
HOST = _declare(_S, "HOST", kinds.TEXT, "The address that the web server listens on.", default="127.0.0.1")
PORT = _declare(_S, "PORT", kinds.integer(1, 65535), "The port that the web server listens on.", default="8000")
WEB_THREADS = _declare(
    _S, "WEB_THREADS", kinds.integer(1, 64), "How many requests one process serves at a time.", default="6"
)
WORKER_THREADS = _declare(
    _S, "WORKER_THREADS", kinds.integer(1, 64), "How many tasks one worker process runs at a time.", default="4"
)
STATIC_ROOT = _declare(
    _S,
    "STATIC_ROOT",
    kinds.TEXT,
    "The directory that `manage.py collectstatic` fills and the web server reads.",
    default="staticfiles",
)

FILES_ROOT = _declare(
    _S,
    "FILES_ROOT",
    kinds.TEXT,
    "The directory for files that people give as evidence. All web servers share it, it is kept with the database, "
    "and nothing but the portal serves what is in it.",
    default="files",
)

_S = "Security"
SECRET_KEY = _declare(
    _S,
    "SECRET_KEY",
    kinds.long_text(40),
    "Signs sessions and one-time links. Whoever has it can sign in as anyone.",
    development="known-to-everybody-and-therefore-for-development-alone",
    secret=True,
)
ALLOWED_HOSTS = _declare(
    _S,
    "ALLOWED_HOSTS",
    kinds.NAMES,
    "The host names under which the portal is reached.",
    default="localhost,127.0.0.1,[::1]",
)
CSRF_TRUSTED_ORIGINS = _declare(
    _S,
    "CSRF_TRUSTED_ORIGINS",
    kinds.NAMES,
    "Origins, with scheme, whose forms are accepted besides the portal's own: needed behind a proxy.",
    default="",
)
HTTPS_REDIRECT = _declare(
    _S,
    "HTTPS_REDIRECT",
    kinds.BOOLEAN,
    "Send requests over plain HTTP to HTTPS. Turn it on where the portal itself, and not a proxy, is asked to.",
    default="false",
)
TRUST_PROXY_HEADERS = _declare(
    _S,
    "TRUST_PROXY_HEADERS",
    kinds.BOOLEAN,
    "Believe `X-Forwarded-Proto` and the last address in `X-Forwarded-For`. Only behind a proxy that always sets both.",
    default="false",
)
HSTS_SECONDS = _declare(
    _S,
    "HSTS_SECONDS",
    kinds.integer(0, 63_072_000),
    "For how many seconds browsers are told to use HTTPS only. Not sent with DEBUG or DEMO_MODE.",
    default="31536000",
)
DEBUG = _declare(
    _S,
    "DEBUG",
    kinds.BOOLEAN,
    "For development: detailed error pages, secrets known to everybody. Needs a loopback HOST.",
    default="false",
)
DEMO_MODE = _declare(
    _S,
    "DEMO_MODE",
    kinds.BOOLEAN,
    "Personas that sign in with one click. Refuses to start where anything looks like production.",
    default="false",
)

_S = "Single sign-on"
OIDC_SERVER_URL = _declare(
    _S,
    "OIDC_SERVER_URL",
    kinds.optional(kinds.url("https", "http")),
    "The OpenID provider that people sign in at: its issuer address. Empty turns single sign-on off. See "
    "[sign-in.md](sign-in.md). Plain HTTP is for a provider on this machine alone.",
    default="",
)
OIDC_NAME = _declare(_S, "OIDC_NAME", kinds.TEXT, "What the sign-in page calls the provider.", default="single sign-on")
OIDC_CLIENT_ID = _declare(_S, "OIDC_CLIENT_ID", kinds.TEXT, "The portal's client id at the provider.", default="")
OIDC_CLIENT_SECRET = _declare(
    _S, "OIDC_CLIENT_SECRET", kinds.TEXT, "The portal's client secret at the provider.", default="", secret=True
)
OIDC_SCOPES = _declare(
    _S,
    "OIDC_SCOPES",
    kinds.NAMES,
    "The scopes that are asked for: what the provider needs to be asked for the claims named below.",
    default="openid,profile,email",
)
OIDC_SOURCES = _declare(
    _S,
    "OIDC_SOURCES",
    kinds.NAMES,
    "The sources whose people may be matched to somebody at the provider at their first sign-in there. Empty matches "
    "nobody: only those linked before get in.",
    default="",
)
OIDC_EXTERNAL_KEY_CLAIM = _declare(
    _S,
    "OIDC_EXTERNAL_KEY_CLAIM",
    kinds.TEXT,
    "The claim that holds a person's key in their source, such as an employee number. Empty matches by verified "
    "e-mail address.",
    default="",
)
OIDC_ACR_TWO_FACTORS = _declare(
    _S,
    "OIDC_ACR_TWO_FACTORS",
    kinds.NAMES,
    "The values of the claim `acr` that stand for two factors (assurance level 2). The claim `amr` is understood "
    "without being configured.",
    default="https://refeds.org/profile/mfa",
)
OIDC_ROLE_CLAIM = _declare(
    _S, "OIDC_ROLE_CLAIM", kinds.TEXT, "The claim whose values `OIDC_ROLES` names.", default="groups"
)
OIDC_ROLES = _declare(
    _S,
    "OIDC_ROLES",
    kinds.PAIRS,
    "Portal roles that count only in sessions whose claim has a value, beside their lease: "
    "`administrator=portal-admins,auditor=internal-audit`.",
    default="",
)

_S = "API"
API_TOKEN_LONGEST_DAYS = _declare(
    _S,
    "API_TOKEN_LONGEST_DAYS",
    kinds.integer(1, 366),
    "The longest lifetime of an API token, in days. No token is without an end.",
    default="90",
)
API_READS_PER_MINUTE = _declare(
    _S,
    "API_READS_PER_MINUTE",
    kinds.integer(1, 1_000_000),
    "How often one caller may read through the API, each minute.",
    default="600",
)
API_CHANGES_PER_MINUTE = _declare(
    _S,
    "API_CHANGES_PER_MINUTE",
    kinds.integer(1, 1_000_000),
    "How often one caller may ask for a change through the API, each minute.",
    default="120",
)
API_REFUSALS_PER_MINUTE = _declare(
    _S,
    "API_REFUSALS_PER_MINUTE",
    kinds.integer(1, 1_000_000),
    "How often one network address may come with a token that is not accepted, each minute.",
    default="60",
)

_S = "Audit log"
AUDIT_LOG_ORIGIN = _declare(
    _S,
    "AUDIT_LOG_ORIGIN",
    kinds.TEXT,
    "The name of the Merkle log, first line of each checkpoint. Never change it once evidence has left the house.",
    default="leasehold.example/audit",
)
AUDIT_SIGNING_KEY = _declare(
    _S,
    "AUDIT_SIGNING_KEY",
    kinds.KEY,
    "The Ed25519 private key (seed) that signs checkpoints of the audit log.",
    development="ZGV2ZWxvcG1lbnQga2V5IGtub3duIHRvIGV2ZXJ5b24=",
    secret=True,
)

_S = "Organisation and mail"
ORGANISATION_NAME = _declare(
    _S, "ORGANISATION_NAME", kinds.TEXT, "The name shown in the masthead and in mail.", default="Leasehold"
)
EMAIL_URL = _declare(
    _S,
    "EMAIL_URL",
    kinds.url("console", "smtp", "smtps", "smtp+tls"),
    "The mail server: `smtp://`, `smtp+tls://` (STARTTLS) or `smtps://` with `user:password@host:port`. "
    "`console:` writes mail to the log, links that reset passwords too: for DEBUG and DEMO_MODE alone.",
    development="console:",
    secret=True,
)
PUBLIC_URL = _declare(
    _S,
    "PUBLIC_URL",
    kinds.url("http", "https"),
    "The address under which people reach the portal: links in mail begin with it.",
    development="http://localhost:8000",
)
DEFAULT_FROM_EMAIL = _declare(
    _S, "DEFAULT_FROM_EMAIL", kinds.TEXT, "The sender of mail.", default="leasehold@localhost"
)

_S = "Log"
LOG_FORMAT = _declare(
    _S, "LOG_FORMAT", kinds.choice("json", "console"), "One JSON object a line, or lines for people.", default="json"
)
LOG_LEVEL = _declare(
    _S,
    "LOG_LEVEL",
    kinds.choice("DEBUG", "INFO", "WARNING", "ERROR"),
    "The least severity that is written.",
    default="INFO",
)

_S = "Governed systems"
DEMO_TARGET_DSN = _declare(
    _S,
    "DEMO_TARGET_DSN",
    kinds.TEXT,
    "The database server that the demonstration governs. `make run` starts it and sets this. The secrets of other "
    "systems stand in variables of your choice whose names begin with `TARGET_`; a connector's configuration "
    "names the variable, never the secret.",
    default="",
    secret=True,
)
DEMO_TARGET_SCIM_URL = _declare(
    _S,
    "DEMO_TARGET_SCIM_URL",
    kinds.TEXT,
    "The SCIM 2.0 application that the demonstration governs, below which its resources are. `make run` starts one "
    "and sets this; without it the demonstration has no such system.",
    default="",
)
DEMO_TARGET_SCIM_TOKEN = _declare(
    _S,
    "DEMO_TARGET_SCIM_TOKEN",
    kinds.TEXT,
    "The bearer token of that application.",
    default="",
    secret=True,
)


class Environment:
    """The values of all variables, read and checked once."""

    def __init__(self, source: Mapping[str, str]) -> None:
        """Read `source`. Raises ConfigurationError with every missing or invalid variable."""
        self._values: dict[str, object] = {}
        problems = [problem for variable in VARIABLES if (problem := self._read(variable, source))]
        if problems:
            raise ConfigurationError(problems)

    def __getitem__(self, variable: Variable[T]) -> T:
        return cast("T", self._values[variable.name])

    def _read(self, variable: Variable[Any], source: Mapping[str, str]) -> str | None:
        text = source.get(variable.name) or _fallback(variable, source)
        if text is None:
            return f"{variable.name} is not set. {variable.meaning}"
        try:
            self._values[variable.name] = variable.kind.parse(text)
        except ValueError as wrong:
            return f"{variable.name} {wrong}"
        return None


def _fallback(variable: Variable[Any], source: Mapping[str, str]) -> str | None:
    if variable.default is None and source.get(DEBUG.name, "").lower() in kinds.TRUE:
        return variable.development
    return variable.default


def target_secret(name: str) -> str:
    """The secret of a governed system, from the environment variable that its configuration names.

    Raises ConfigurationError if the variable is not set, or if the name doesn't begin with TARGET_: whoever may
    configure a system must not be able to read the portal's own secrets.
    """
    if not TARGET_SECRET.fullmatch(name):
        raise ConfigurationError([f"{name} does not begin with TARGET_, so it can't be the secret of a system"])
    if not os.environ.get(name):
        raise ConfigurationError([f"{name} is not set; a system's configuration names it"])
    return os.environ[name]
