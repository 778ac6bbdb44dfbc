"""Entity tags: what a caller has seen, said again when it reads or changes (RFC 9110, section 13)."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.problems import PreconditionFailed

TAG = re.compile(r'(?:W/)?("[^"]*")')
ANY = "*"


def tag_of(data: Any) -> str:
    """The entity tag of a representation: it changes with whatever the caller would read."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def answered(request: Request, data: Any) -> Response:
    """The representation with its tag, or 304 for who has it already."""
    tag = tag_of(data)
    known = request.headers.get("If-None-Match")
    if known is not None and (known.strip() == ANY or tag in TAG.findall(known)):
        return Response(status=304, headers={"ETag": tag})
    return Response(data, headers={"ETag": tag})


def require_match(request: Request, read: Callable[[], Any]) -> None:
    """Raise PreconditionFailed if the caller says what it has seen, and that is not what `read` answers now."""
    seen = request.headers.get("If-Match")
    if seen is not None and seen.strip() != ANY and tag_of(read()) not in TAG.findall(seen):
        raise PreconditionFailed
