"""A PostgreSQL cluster of our own, reached through a socket that only the owner may reach, and by password."""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from config.embedded import software
from config.embedded.children import Program
from config.embedded.errors import CantRunError
from config.embedded.place import Place, identity

INITDB = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
OWN_LOCALES = "--locale-provider=builtin"
"""So that nothing depends on the machine's locales; known from PostgreSQL 17 on."""

SETTINGS = {"listen_addresses": "", "max_connections": "60", "timezone": "UTC", "log_min_messages": "warning"}
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class InitialisationError(CantRunError):
    """A new cluster could not be made; the message is the program's."""


@dataclass(frozen=True)
class Postgres:
    """One cluster: `name` is its directory, `admin` its superuser, `database` the one database made in it.

    A `volatile` one is quicker and does not outlive a power cut. `programs` are in the folder of another
    release.
    """

    place: Place
    name: str
    admin: str
    database: str
    password: str
    volatile: bool = False
    programs: Path | None = None

    @property
    def url(self) -> str:
        """The address of the database, for the superuser."""
        host = quote(str(self._sockets), safe="")
        return f"postgresql://{self.admin}:{quote(self.password, safe='')}@/{self.database}?host={host}"

    def program(self) -> Program:
        """Make the cluster if there is none yet, clear what a killed server left, and say how to start it.

        The place's locks must be held: they are the proof that no server runs on these files. A left-over
        postmaster.pid would otherwise block the start whenever its number belongs to another process by now.
        """
        if not self._data.exists():
            self._initialise()
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        shutil.rmtree(self._sockets, ignore_errors=True)
        self.place.private(self._sockets)
        settings = {**SETTINGS, **(VOLATILE if self.volatile else {}), "unix_socket_directories": str(self._sockets)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name=self.name,
            arguments=[self._tool("postgres"), "-D", str(self._data), *options],
            stop=signal.SIGINT,  # "fast": ends sessions, then shuts down in order
            orphaned=signal.SIGINT,
            account=self.place.account,
        )

    def ready(self) -> bool:
        """Whether the server accepts connections."""
        asked = [self._tool("pg_isready"), "--quiet", "--host", str(self._sockets)]
        return subprocess.run(asked, check=False).returncode == 0  # noqa: S603 - our own program

    @property
    def _data(self) -> Path:
        return self.place.data / self.name / "data"

    @property
    def _sockets(self) -> Path:
        return self.place.sockets / self.name

    def _tool(self, name: str) -> str:
        return str((self.programs or software.postgres_programs(self.place)) / name)

    def _initialise(self) -> None:
        """Make the cluster under another name first, so that an interrupted attempt is never taken for one."""
        directory = self.place.private(self.place.data / self.name)
        unfinished = directory / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = directory / "password"
        password.write_text(self.password)
        self.place.give(password)
        try:
            options = INITDB if self.programs else [*INITDB, OWN_LOCALES]
            told = [f"--username={self.admin}", f"--pwfile={password}", "-D", str(unfinished)]
            self._run("initdb", [*options, *told])
            self._run("postgres", ["--single", "-D", str(unfinished), "postgres"], f"CREATE DATABASE {self.database}\n")
        finally:
            password.unlink()
        unfinished.rename(self._data)

    def _run(self, tool: str, arguments: list[str], stdin: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - our own program
            [self._tool(tool), *arguments],
            check=False,
            cwd=self.place.data,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            input=stdin,
            capture_output=True,
            text=True,
            **identity(self.place.account),
        )
        if done.returncode != 0:
            raise InitialisationError(f"{tool}: {done.stderr.strip()}")
