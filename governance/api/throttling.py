"""How often one caller may ask, counted by the minute in the cache that all processes share."""

import time
from typing import Any, Final

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

WINDOW: Final = 60
"""Seconds."""


def _count(kind: str, who: str) -> bool:
    """Count one more in this minute. Answers whether that is still allowed."""
    key = f"api-limit:{kind}:{who}:{int(time.time()) // WINDOW}"
    cache.add(key, 0, timeout=2 * WINDOW)
    return bool(cache.incr(key) <= settings.API_LIMITS[kind])


def _left() -> int:
    """Seconds until the next minute begins."""
    return WINDOW - int(time.time()) % WINDOW


def count_refusal(request: Request) -> None:
    """Count a token that was not accepted. Raises Throttled when the address has come with too many."""
    if not _count("refused", _address(request)):
        raise Throttled(wait=_left())


def _address(request: Request) -> str:
    """The visitor's, as sign-in sees it: behind a proxy all would share the proxy's. Empty on a local socket."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return ""


class PerCaller(BaseThrottle):
    """A limit for reading and one for changing, each for one caller: all tokens of an actor count together."""

    def allow_request(self, request: Any, _view: Any) -> bool:
        """Whether the caller may go on."""
        kind = "read" if request.method in {"GET", "HEAD", "OPTIONS"} else "change"
        return _count(kind, str(request.user.actor.id))

    def wait(self) -> float:
        """Seconds until they may."""
        return _left()
