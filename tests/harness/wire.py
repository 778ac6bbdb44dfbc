"""The wire between a client and a server on Unix sockets, which can be cut or fall silent at a chosen word."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Wire:
    """Passes bytes on both ways. Once the client has said `word`, the answers are lost.

    With `cut` the client's connection ends after the server has got the word; without, it just hears nothing more.
    """

    def __init__(self, server: Path, here: Path, word: bytes, *, cut: bool) -> None:
        self._server, self._word, self._cut = str(server), word, cut
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(here))
        self._listener.listen()
        self.broken = threading.Event()

    def serve(self) -> None:
        """Accept clients until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=[client], daemon=True).start()

    def close(self) -> None:
        """Accept no more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass(self, client: socket.socket) -> None:
        lost = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            back = threading.Thread(target=self._answers, args=[server, client, lost], daemon=True)
            back.start()
            while data := client.recv(65536):
                if self._word in data:
                    lost.set()
                    self.broken.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            back.join()

    def _answers(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if not lost.is_set():
                    client.sendall(data)
                elif self._cut:
                    client.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking(server: Path, here: Path, word: bytes, *, cut: bool) -> Iterator[Wire]:
    """A wire from `here` to the server's socket until the end of the block."""
    wire = Wire(server, here, word, cut=cut)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    yield wire
    wire.close()
    thread.join()
