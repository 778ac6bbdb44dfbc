import json
from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MOST_BYTES = 1024 * 1024


class TooLarge(APIException):
    """More was sent than any operation takes."""

    status_code = 413
    default_detail = "The body has more bytes than the operation takes."
    default_code = "too_large"


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 and nothing like it: no NaN, no names given twice, no depth without end."""

    media_type = "application/json"

    def parse(self, stream: Any, _media_type: str | None = None, context: Mapping[str, Any] | None = None) -> Any:
        """What was sent. Raises ParseError, TooLarge."""
        most = getattr((context or {}).get("view"), "most_bytes", MOST_BYTES)
        sent = stream.read(most + 1)
        if len(sent) > most:
            raise TooLarge
        try:
            return json.loads(sent.decode(), parse_constant=_refuse, object_pairs_hook=_once)
        except (ValueError, RecursionError) as wrong:
            msg = f"The body is not JSON in UTF-8: {wrong}"
            raise ParseError(msg) from None


def _refuse(name: str) -> Any:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a name is given twice")
    return dict(pairs)
