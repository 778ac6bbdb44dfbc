"""The real scim2-server over HTTP: one as a process of its own, and one in this process whose answers can be falsified.

What stands between the second and its clients sees each request after the server has been asked, or in its place; the
server itself, its storage and its protocol are those of the package.
"""

import secrets
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from scim2_models import Pagination, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.testserver.cli import ThreadingWSGIServer
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from config import network
from config.embedded.children import Program
from tests.harness import servers

START_SECONDS = 20
HOUR = timedelta(hours=1)
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"

PLAIN = httpx2.Client(trust_env=False, verify=False)
"""Plain HTTP to this machine, where there is nothing to verify."""

Answer = Iterable[bytes]
Asked = dict[str, Any]
Say = Callable[..., Any]
Fault = Callable[[Asked, Say, Callable[[], Answer]], Answer]
"""What falsifies: the request, the server's `start_response`, and what asks the server."""


@dataclass
class Application:
    """A SCIM application, seen by its own administrator."""

    url: str
    token: str
    certificate: Path | None = None
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **body: Any) -> Any:
        """A request of the administrator's, past every fault."""
        headers = {"Authorization": f"Bearer {self.token}", "X-Truth": "1"}
        answer = PLAIN.request(method, f"{self.url}{path}", headers=headers, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def user(self, name: str = "lena") -> str:
        """A new user; its id."""
        name = f"{name}-{secrets.token_hex(6)}"
        return str(self.ask("POST", "/Users", schemas=[USER], userName=name)["id"])

    def group(self, *members: str, name: str = "Readers") -> str:
        """A new group with these users; its id."""
        listed = [{"value": member} for member in members]
        return str(self.ask("POST", "/Groups", schemas=[GROUP], displayName=name, members=listed)["id"])

    def join(self, member: str, group: str, kind: str = "User") -> None:
        """Make a user, or another group, a member of the group."""
        added = {"op": "add", "path": "members", "value": [{"value": member, "type": kind}]}
        self.ask("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[added])

    def members(self, group: str) -> list[str]:
        """Who is in the group."""
        return [one["value"] for one in self.ask("GET", f"/Groups/{group}").get("members", [])]


@contextmanager
def server_process() -> Iterator[Application]:
    """`scim2-server` as it comes, until the end of the block."""
    token, port = secrets.token_urlsafe(), network.free_port("127.0.0.1")
    # One argument with `=`: a token may begin with a dash, and would be taken for an option.
    arguments = ["-m", "scim2_server.testserver.cli", f"--port={port}", f"--bearer-token={token}"]
    program = Program("scim", [sys.executable, *arguments])
    with servers.own_supervisor() as supervisor:
        child = supervisor.start(program)
        child.wait_until(lambda: not network.is_free("127.0.0.1", port), seconds=START_SECONDS)
        yield Application(f"http://127.0.0.1:{port}/v2", token)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def falsifiable(certificate: Path | None = None) -> Iterator[Application]:
    """The server's application in a thread, behind whatever faults a test puts in front of it.

    With a certificate, and its key in the same file, it is at `localhost` over TLS.
    """
    config = load_default_service_provider_config()
    config.pagination = Pagination(cursor=True, index=True)
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    found = Application("", secrets.token_urlsafe(), certificate)
    service = ScimService(provider, secret=secrets.token_urlsafe(32))
    server = BearerTokenApplication(InMemoryStorage(), provider, service=service, bearer_tokens=[found.token])

    def application(asked: Asked, say: Say) -> Answer:
        def truly() -> Answer:
            return server(asked, say)

        if asked.get("HTTP_X_TRUTH"):
            return truly()
        found.seen.append(f"{asked['REQUEST_METHOD']} {asked['PATH_INFO']}?{asked['QUERY_STRING']}")
        for fault in found.faults:
            answer = fault(asked, say, truly)
            if answer is not None:
                return answer
        return truly()

    with make_server("127.0.0.1", 0, application, server_class=ThreadingWSGIServer, handler_class=_Quiet) as http:
        found.url = f"http://127.0.0.1:{http.server_port}/v2"
        if certificate:
            found.url = f"https://localhost:{http.server_port}/v2"
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield found
        http.shutdown()
        thread.join()


def answers(method: str, status: str, body: bytes = b"", **headers: str) -> Fault:
    """To every request by the method this answer, and the server hears nothing of it."""

    def fault(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
        if asked["REQUEST_METHOD"] != method:
            return None
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        say(status, [("Content-Type", "application/scim+json"), ("Content-Length", str(len(body))), *named])
        return [body]

    return fault


@pytest.fixture(scope="session")
def _scim_process() -> Iterator[Application]:
    with server_process() as application:
        yield application


@pytest.fixture
def scim(_scim_process: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
    """The real server as a process; the variable TARGET_SCIM_TOKEN has its token."""
    monkeypatch.setenv("TARGET_SCIM_TOKEN", _scim_process.token)
    return _scim_process


@pytest.fixture
def lying_scim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The real server's application behind faults; the variable TARGET_SCIM_TOKEN has its token."""
    with falsifiable() as application:
        monkeypatch.setenv("TARGET_SCIM_TOKEN", application.token)
        yield application


@pytest.fixture
def lying_scim_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The same over TLS, with a certificate for `localhost` that it has made itself."""
    with falsifiable(_self_signed(tmp_path / "localhost.pem")) as application:
        monkeypatch.setenv("TARGET_SCIM_TOKEN", application.token)
        yield application


def _self_signed(path: Path) -> Path:
    """A new certificate for `localhost` and its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - HOUR)
        .not_valid_after(now + HOUR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(plain + made.public_bytes(Encoding.PEM))
    return path


def settings(application: Application, **more: Any) -> dict[str, Any]:
    """What a connector to the application is made from."""
    return {"base_url": application.url, "token_env": "TARGET_SCIM_TOKEN", "private_address": True, **more}
