"""A Valkey server of our own (Redis protocol), reached through a socket and by password."""

from dataclasses import dataclass
from pathlib import Path
from socket import AF_UNIX, socket
from urllib.parse import quote

from config.embedded import software
from config.embedded.children import Program
from config.embedded.place import Place


@dataclass(frozen=True)
class Valkey:
    """One server. It writes each change to a file, so tasks survive SIGKILL, unless it is `volatile`."""

    place: Place
    password: str
    volatile: bool = False

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"unix://:{quote(self.password, safe='')}@{self._socket}?db=0"

    def program(self) -> Program:
        """Say how to start it. The place's locks must be held."""
        data = self.place.private(self.place.data / "valkey")
        self.place.private(self._socket.parent)
        self._socket.unlink(missing_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "dir": str(data),
            "requirepass": self.password,
            "maxmemory-policy": "noeviction",
            "save": '""',
            "appendonly": "no" if self.volatile else "yes",
        }
        return Program(
            name="valkey",
            arguments=[str(software.valkey_server(self.place)), "-"],
            stdin="".join(f"{key} {value}\n" for key, value in settings.items()),
            account=self.place.account,
        )

    def ready(self) -> bool:
        """Whether it has read its data and answers."""
        with socket(AF_UNIX) as connection:
            try:
                connection.connect(str(self._socket))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return b"+PONG" in _received(connection)
            except OSError:
                return False

    @property
    def _socket(self) -> Path:
        return self.place.sockets / "valkey" / "v.sock"


def _received(connection: socket) -> bytes:
    """The answers to two commands."""
    connection.settimeout(1)
    answer = b""
    while answer.count(b"\r\n") < 2 and (part := connection.recv(4096)):  # noqa: PLR2004 - one line each
        answer += part
    return answer
