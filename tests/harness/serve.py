"""A program that runs the embedded servers in the directory it is given, until its input ends."""

import json
import os
import sys
from pathlib import Path

from config.embedded import keys
from config.embedded.errors import CantRunError
from config.embedded.place import Place, service_account
from config.embedded.postgres import Postgres
from config.embedded.supervisor import supervising
from config.embedded.valkey import Valkey


def main() -> None:
    """Start both servers, print their addresses as one line of JSON, wait."""
    data = Path(sys.argv[1])
    place = Place(data, data / "s", service_account())
    try:
        with supervising(place) as supervisor:
            kept = keys.kept(data / "secrets.json", ["DATABASE", "CACHE"])
            database = Postgres(place, "database", "leasehold", "leasehold", kept["DATABASE"])
            cache = Valkey(place, kept["CACHE"])
            supervisor.start_servers(database)
            supervisor.start_servers(cache)
            sys.stdout.write(json.dumps({"database": database.url, "cache": cache.url, "uid": os.geteuid()}) + "\n")
            sys.stdout.flush()
            supervisor.watch(until=_input_ended)
    except CantRunError as reason:
        sys.exit(str(reason))


def _input_ended() -> bool:
    os.set_blocking(sys.stdin.fileno(), False)
    try:
        return os.read(sys.stdin.fileno(), 1) == b""
    except BlockingIOError:
        return False


if __name__ == "__main__":
    main()
