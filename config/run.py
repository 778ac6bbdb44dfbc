"""`make run`: everything the portal needs, started by one command and stopped by one Ctrl-C."""

import argparse
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from config import env, kinds, network, programs
from config.embedded import keys, locks
from config.embedded.children import end_with_parent
from config.embedded.errors import CantRunError
from config.embedded.place import Place, of_checkout
from config.embedded.postgres import Postgres
from config.embedded.scim import Scim
from config.embedded.supervisor import Supervisor, supervising
from config.embedded.valkey import Valkey
from config.env import ConfigurationError, Environment
from config.paths import ROOT
from config.safety import require_safe

READY_SECONDS = 60
SECRETS = [env.SECRET_KEY.name, env.AUDIT_SIGNING_KEY.name]
DEMONSTRATION = {
    "DEMO_MODE": "true",
    "LOG_FORMAT": "console",
    "EMAIL_URL": "console:",
    env.ORGANISATION_NAME.name: "Harbour Mutual",
}
PASSWORDS = ["DATABASE_PASSWORD", "TARGET_PASSWORD", "CACHE_PASSWORD", "SCIM_TOKEN"]

Environ = dict[str, str]


class StoppedError(BaseException):
    """Somebody asked us to stop."""


def main() -> None:
    """Run the portal, or with `reset` delete the data of the embedded servers."""
    parser = argparse.ArgumentParser(prog="python -m config.run", description=__doc__)
    parser.add_argument("command", choices=["up", "reset"], nargs="?", default="up")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this ends")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    if options.end_with_parent:
        end_with_parent()
    try:
        {"up": _up, "reset": _reset}[options.command](of_checkout(ROOT))
    except StoppedError:
        _say("Stopped.")
    except (CantRunError, ConfigurationError) as reason:
        sys.exit(str(reason))


def _up(place: Place) -> None:
    with supervising(place) as supervisor:
        _say("Starting …")
        environ = _with_servers(supervisor, dict(os.environ))
        values = Environment(environ)
        require_safe(values)
        address, shown = (f"http://{host}:{values[env.PORT]}" for host in (values[env.HOST], _named(values[env.HOST])))
        if not network.is_free(values[env.HOST], values[env.PORT]):
            raise CantRunError(f"Something else listens at {address}. Choose another port: PORT=8001 make run")
        prepared = supervisor.finish(programs.module("config.prepare"), directory=ROOT, env=environ)
        _start_portal(supervisor, environ, values, address)
        _say(f"{prepared.read_text()}\nLeasehold runs at {shown}\nLogs: {supervisor.logs}. Ctrl-C stops everything.")
        supervisor.watch()


def _named(host: str) -> str:
    """How people are to write the address: browsers keep passkeys for a name alone."""
    return "localhost" if host == env.HOST.default else host


def _reset(place: Place) -> None:
    if place.data.exists():
        with locks.sole_supervisor(place.data), locks.children_gone(place.data):
            place.remove()
    _say("The data is deleted.")


def _with_servers(supervisor: Supervisor, environ: Environ) -> Environ:
    """Start the servers that `environ` doesn't name, and name them in it, with the secrets kept beside their data."""
    place = supervisor.place
    kept = keys.kept(place.data / "secrets.json", [*SECRETS, *PASSWORDS])
    port = environ.get(env.PORT.name) or env.PORT.default
    own = {env.PUBLIC_URL.name: f"http://localhost:{port}", env.FILES_ROOT.name: str(place.data / "files")}
    defaults = {**DEMONSTRATION, **own, **{name: kept[name] for name in SECRETS}}
    servers: dict[str, Postgres | Valkey | Scim] = {}
    environ = {**defaults, **environ}
    if environ["DEMO_MODE"].lower() in kinds.TRUE:
        servers[env.DEMO_TARGET_SCIM_URL.name] = Scim(place, kept["SCIM_TOKEN"])  # first: it takes longest
        servers[env.DEMO_TARGET_DSN.name] = Postgres(place, "target", "target_admin", "target", kept["TARGET_PASSWORD"])
        environ.setdefault(env.DEMO_TARGET_SCIM_TOKEN.name, kept["SCIM_TOKEN"])
    servers[env.DATABASE_URL.name] = Postgres(place, "database", "leasehold", "leasehold", kept["DATABASE_PASSWORD"])
    servers[env.REDIS_URL.name] = Valkey(place, kept["CACHE_PASSWORD"])
    missing = {name: server for name, server in servers.items() if name not in environ}
    supervisor.start_servers(*missing.values())
    return {**environ, **{name: server.url for name, server in missing.items()}}


def _start_portal(supervisor: Supervisor, environ: Environ, values: Environment, address: str) -> None:
    """Start worker, beat and web server; return when pages and workers work."""
    beat = programs.beat(supervisor.place.data / "beat")
    for program in (programs.worker(values), beat, programs.web(values)):
        supervisor.start(program, directory=ROOT, env=environ)
    supervisor.watch(until=lambda: network.answers(f"{address}/health/ready"), seconds=READY_SECONDS)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Leave everything, in order; from here on nothing hurries us."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise StoppedError


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the one who typed `make run` reads it


if __name__ == "__main__":
    main()
