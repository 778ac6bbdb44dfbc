"""What says of itself that it is not UTF-8, by way of the callable that the web server serves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from config.charset import is_utf8
from config.wsgi import application


def served(content_type: str, path: str) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of the answer to a request with something in its address."""
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "q=1", "CONTENT_TYPE": content_type}
    setup_testing_defaults(environ)
    answered: list[Any] = []
    content: Iterable[bytes] = application(environ, lambda status, headers: answered.extend([status, dict(headers)]))
    return answered[0], answered[1], b"".join(content)


class TestCharset:
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json; charset=hex",
            "application/json; charset=undefined",
            "text/plain; charset=utf-16",
            "text/plain; title*=undefined''%41",
            "text/plain; title*=nonsense''%41",
            "multipart/form-data; boundary=x; charset=rot13",
        ],
    )
    @pytest.mark.parametrize("path", ["/api/v1/grants", "/accounts/login/"])
    def test_that_is_not_utf_8_is_refused_as_a_problem(self, content_type: str, path: str) -> None:
        status, headers, content = served(content_type, path)
        assert status == "400 Bad Request"
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(content)["code"] == "malformed"

    def test_that_is_utf_8_goes_on_to_the_portal(self, db: None) -> None:
        assert served("application/json; charset=UTF-8", "/health/live")[0] == "200 OK"
        assert served("", "/health/live")[0] == "200 OK"
        assert is_utf8('multipart/form-data; boundary="a;b"')
