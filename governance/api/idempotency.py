"""A change sent twice is made once: the first answer is kept for a day under the caller's `Idempotency-Key`.

Only what has succeeded is kept: a refusal has changed nothing and may be tried again. Where the key was lost with the
cache, the domain holds: a change moves a state on, and refuses to do so twice; what makes a request or a comment takes
an id from the key. A file of a feed may then wait twice for its yes, and applied twice it changes nothing more.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID, uuid5

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid

HEADER: Final = "Idempotency-Key"
SHAPE: Final = r"^[A-Za-z0-9_-]{8,64}$"
KEPT_SECONDS: Final = 24 * 60 * 60
RUNNING_SECONDS: Final = 60
NAMESPACE: Final = UUID("5b0f3a52-3c39-5a0e-9d0c-1a54c0a58f0e")

Work = Callable[[], Response]

log = structlog.get_logger(__name__)


def key_of(request: Request) -> str | None:
    """The key that was sent, if any. Raises ValidationError for one that is none."""
    key = request.headers.get(HEADER)
    if key is not None and not re.fullmatch(SHAPE, key, re.ASCII):
        raise ValidationError({HEADER: "8 to 64 letters, digits, hyphens and underscores."})
    return key


def token_for(request: Request, actor: Actor, fallback: UUID) -> UUID:
    """An id that is the same for the same caller and key, so that the database too knows a request sent twice."""
    key = key_of(request)
    return uuid5(NAMESPACE, f"{actor.id}:{key}") if key else fallback


def once(request: Request, actor: Actor, work: Work) -> Response:
    """Do the work, or answer as the first time.

    Raises Invalid for another request under the key, Conflict for a twin that is at it, and whatever the work does.
    """
    key = key_of(request)
    if key is None:
        return work()
    place, mark = f"api-once:{actor.id}:{key}", _mark(request)
    if not cache.add(place, {"mark": mark}, timeout=RUNNING_SECONDS):
        return _again(cache.get(place), mark)
    try:
        answer = work()
    except BaseException:
        with _spared():
            cache.delete(place)
        raise
    headers = {name: answer[name] for name in ("ETag", "Location") if name in answer}
    kept = {"mark": mark, "status": answer.status_code, "body": _plain(answer.data), "headers": headers}
    with _spared():
        cache.set(place, kept, timeout=KEPT_SECONDS)
    return answer


@contextmanager
def _spared() -> Iterator[None]:
    """A cache that is lost after the work takes nothing back: its answer, or its refusal, goes out all the same."""
    try:
        yield
    except RedisError as lost:
        log.warning("api.answer_not_kept", exc_info=lost)


def _again(kept: dict[str, Any] | None, mark: str) -> Response:
    if kept is None or (kept["mark"] == mark and "status" not in kept):
        raise Conflict("The same request is being carried out at the moment. Ask again.", code="in_progress")
    if kept["mark"] != mark:
        raise Invalid({HEADER: "This key was used for another request. Choose a new one."})
    headers = kept["headers"] | {"Idempotent-Replayed": "true"}
    return Response(kept["body"], status=kept["status"], headers=headers)


def _mark(request: Request) -> str:
    """What tells one request from another: its method, address and body."""
    said = json.dumps([request.method, request.get_full_path(), request.data], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def _plain(data: Any) -> Any:
    return json.loads(JSONRenderer().render(data))
