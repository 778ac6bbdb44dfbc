"""Everything that is sent to the portal is UTF-8, and what calls itself otherwise is refused before Django sees it.

Django takes the charset of `Content-Type` for its own while it makes the request, before any middleware: where that
names a codec which is no encoding of text (`hex`), or fails on what it reads (`undefined`), nobody is left to answer.
"""

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from django.utils.http import parse_header_parameters

WELCOME: Final = frozenset({"utf-8", "utf8", "us-ascii"})

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def utf8_alone(portal: Application) -> Application:
    """The application, with an answer of 400 to whatever says that it is not UTF-8."""

    def guarded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_utf8(environ.get("CONTENT_TYPE", "")):
            return portal(environ, start_response)
        return _refused(start_response)

    return guarded


def is_utf8(content_type: str) -> bool:
    """Whether a header `Content-Type` can be read, and names no other charset."""
    try:
        _, parameters = parse_header_parameters(content_type)
    except (ValueError, LookupError):
        return False
    return str(parameters.get("charset", "utf-8")).lower() in WELCOME


def _refused(start_response: Any) -> Iterable[bytes]:
    # Imported here: what it imports needs Django to be set up.
    from governance.api.problems import CODE_OF, MEDIA_TYPE, Problem  # noqa: PLC0415 - see above

    status = HTTPStatus.BAD_REQUEST
    said = "What is sent here is UTF-8, and Content-Type names another charset or can't be read."
    body = json.dumps(Problem(status, CODE_OF[status], said).body()).encode()
    headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
