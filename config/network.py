"""Small questions about this machine's network."""

from http.client import HTTPException
from socket import create_server
from urllib.request import urlopen

ANSWER_SECONDS = 5


def answers(url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        with urlopen(url, timeout=ANSWER_SECONDS):  # noqa: S310 - callers ask their own servers
            return True
    except (OSError, HTTPException):
        return False


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    try:
        create_server((host, port)).close()
    except OSError:
        return False
    return True


def free_port(host: str) -> int:
    """A port on which nothing listens at the moment."""
    with create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])
