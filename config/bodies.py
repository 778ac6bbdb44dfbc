"""How much one request may bring: a larger one is refused before a byte of it lies on the disk."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

LARGEST = 65 * 1024 * 1024
"""Bytes. The largest file that any form takes has 64 MiB; the forms themselves say what each takes."""


class BodyLimitMiddleware:
    """Answer 413 to what nobody takes. Without it whoever reaches the portal, signed in or not, can fill its disk."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _announced(request) > LARGEST:
            words = f"A request may have at most {LARGEST // (1024 * 1024)} MiB."
            return HttpResponse(words, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, content_type="text/plain")
        return self.get_response(request)


def _announced(request: HttpRequest) -> int:
    """The length that the request says it has; no more than that is ever read of it."""
    said = request.META.get("CONTENT_LENGTH") or ""
    return int(said) if said.isascii() and said.isdigit() else 0
