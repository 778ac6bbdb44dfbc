"""HTTP to a governed system: one address, three deadlines, no redirect, no answer without an end.

The deadlines hold at the socket, where every byte goes through: a server that sends one byte each second is cut off
like one that sends none. What it says of itself is passed on in words, short and without the token.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpcore2
import httpx2

from governance.connectors.addresses import resolve
from governance.connectors.interface import Deadlines, Refused, Unreachable

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of all answers of one call together."""
LONGEST_QUOTE = 300
READS = frozenset({"GET", "HEAD"})
HIDDEN = "…"


class Line(httpx2.BaseTransport):
    """The connection of one call to one system.

    `private`: whether the system may be at a loopback or private address. `secret` is left out of every message.
    Requests raise Unreachable and Refused; an answer that the caller must judge is returned.
    """

    def __init__(self, deadlines: Deadlines, *, private: bool, secret: str) -> None:
        self._wire = _Wire(deadlines, private=private)
        self._pool = httpcore2.ConnectionPool(network_backend=self._wire, max_connections=1)
        self._secret = secret
        self.heard: list[bytes] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and read the whole answer. Raises Unreachable, Refused."""
        asked = f"{request.method} {request.url.raw_path.decode()}"
        self._wire.sent = False
        with self._translated(request):
            status, headers, body = self._exchange(request)
        self.heard.append(f"{asked}\n{status}\n".encode() + body)
        response = httpx2.Response(status, headers=headers, content=body)
        self._refuse(request, response)
        return response

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def hide(self, text: str) -> str:
        """The text as it may be shown: without the secret, on one line, not long."""
        shown = text.replace(self._secret, HIDDEN) if self._secret else text
        return " ".join(shown.split())[:LONGEST_QUOTE]

    def _exchange(self, request: httpx2.Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        url = request.url
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": self._wire.timeouts()},
        )
        answer = self._pool.handle_request(asked)
        try:
            return answer.status, _plain(answer.headers), b"".join(answer.iter_stream())
        finally:
            answer.close()

    @contextmanager
    def _translated(self, request: httpx2.Request) -> Iterator[None]:
        """What breaks on the way, as the portal knows it. Only a request that was sent may have changed anything."""
        try:
            yield
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            why = self._wire.why() or self.hide(str(error)) or type(error).__name__
            self._unreachable(request, why, sent=self._wire.sent)

    def _refuse(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """Judge what every system means alike by its status. Raises Unreachable, Refused."""
        status = response.status_code
        if response.is_redirect:
            self._refused(request, f"answers {status} with a redirect, which is not followed")
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            self._refused(request, f"answers {status}: the token is not accepted, or may not do this")
        if status == httpx2.codes.TOO_MANY_REQUESTS:
            self._unreachable(request, "asks for patience", sent=False, after=_retry_after(response))
        if response.is_server_error:
            self._unreachable(request, f"answers {status}", sent=True, after=_retry_after(response))

    def _unreachable(self, request: httpx2.Request, why: str, *, sent: bool, after: float = 0.0) -> NoReturn:
        doubtful = sent and request.method not in READS
        raise Unreachable(f"{request.url.host}: {why}", sent=doubtful, after=after) from None

    def _refused(self, request: httpx2.Request, why: str) -> NoReturn:
        raise Refused(f"{request.url.host} {why}.")


class _Wire(httpcore2.NetworkBackend):
    """Connects to the one address that was judged, and lets nothing wait longer than the call may take."""

    def __init__(self, deadlines: Deadlines, *, private: bool) -> None:
        self._deadlines, self._private = deadlines, private
        self._ends = time.monotonic() + deadlines.total
        self._sockets = httpcore2.SyncBackend()
        self._room = LARGEST_ANSWER
        self.sent = False

    def why(self) -> str:
        """Why this side has hung up, if it has."""
        if self._room < 0:
            return f"answers with more than {LARGEST_ANSWER // (1024 * 1024)} MiB"
        if time.monotonic() >= self._ends:
            return f"no whole answer within {self._deadlines.total:g} seconds"
        return ""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the host's address, and to no other that it may have by then."""
        address = resolve(host, port, private=self._private)
        waits = self.wait(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._sockets.connect_tcp(address, port, waits, local_address, socket_options), self)

    def timeouts(self) -> dict[str, float]:
        """How long each step of a request may take, in seconds."""
        connect, read = self._deadlines.connect, self._deadlines.read
        return {"connect": connect, "read": read, "write": read, "pool": read}

    def wait(self, seconds: float | None, over: type[httpcore2.TimeoutException]) -> float:
        """How long a step may wait: no longer than the call has left. Raises `over` when nothing is left."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise over(self.why())
        return left if seconds is None else min(seconds, left)

    def take(self, data: bytes) -> bytes:
        """Count what was received. Raises ReadError when it is too much."""
        self._room -= len(data)
        if self._room < 0:
            raise httpcore2.ReadError(self.why())
        return data


class _Stream(httpcore2.NetworkStream):
    """One connection of the wire."""

    def __init__(self, inner: httpcore2.NetworkStream, wire: _Wire) -> None:
        self._inner, self._wire = inner, wire

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive some bytes."""
        return self._wire.take(self._inner.read(max_bytes, self._wire.wait(timeout, httpcore2.ReadTimeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; from here on the system may have got the request."""
        waits = self._wire.wait(timeout, httpcore2.WriteTimeout)
        self._wire.sent = True
        self._inner.write(buffer, waits)

    def close(self) -> None:
        """Hang up."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Speak TLS from now on, with the server that has the name which was asked for."""
        waits = self._wire.wait(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, waits), self._wire)

    def get_extra_info(self, info: str) -> Any:
        """What the connection says of itself."""
        return self._inner.get_extra_info(info)


def _plain(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer. A compressed one was not asked for, and is not unpacked: nobody knows its size."""
    for name, value in headers:
        if name.lower() == b"content-encoding" and value.strip().lower() != b"identity":
            raise httpcore2.RemoteProtocolError("answers in a compressed form that was not asked for")
    return headers


def _retry_after(response: httpx2.Response) -> float:
    """The seconds that the answer asks to wait, given in seconds or as a date (RFC 9110, 10.2.3); 0 if it doesn't."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # a date that is none asks for nothing
        return 0.0
