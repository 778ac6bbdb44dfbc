"""A SCIM 2.0 application of our own, for the demonstration to govern: reached over HTTP, by bearer token."""

import sys
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from config import network
from config.embedded.children import Program
from config.embedded.place import Place
from config.paths import ROOT

HOST = "127.0.0.1"
ANSWER_SECONDS = 2


@dataclass(frozen=True)
class Scim:
    """One application. It keeps its data in a file, and listens at another port each time."""

    place: Place
    token: str
    port: int = field(default_factory=lambda: network.free_port(HOST))

    @property
    def url(self) -> str:
        """The address below which its resources are."""
        return f"http://{HOST}:{self.port}/v2"

    def program(self) -> Program:
        """Say how to start it. The place's locks must be held: two would write over each other's data."""
        directory = self.place.data / "scim"
        directory.mkdir(mode=0o700, exist_ok=True)
        script = ROOT / "config" / "embedded" / "scim_app.py"
        data = str(directory / "resources.json")
        return Program("scim", [sys.executable, "-P", str(script), str(self.port), data], stdin=self.token)

    def ready(self) -> bool:
        """Whether it answers those who have its token."""
        connection = HTTPConnection(HOST, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/v2/Groups?count=0", headers={"Authorization": f"Bearer {self.token}"})
            return connection.getresponse().status == 200  # noqa: PLR2004 - as HTTP has it
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
