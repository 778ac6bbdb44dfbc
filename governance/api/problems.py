"""Every refusal as one kind of answer: problem details (RFC 9457)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response

from governance.core.errors import Conflict, Denied, DomainError, Invalid, NotFound

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:leasehold:problem:"
RETRY_SECONDS: Final = 5

log = structlog.get_logger(__name__)

STATUS_OF: Mapping[type[DomainError], int] = {NotFound: 404, Denied: 403, Conflict: 409, Invalid: 422}
CODE_OF: Mapping[int, str] = {
    400: "malformed",
    401: "not_authenticated",
    403: "denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


class PreconditionFailed(exceptions.APIException):
    """The thing has changed since the caller looked at it."""

    status_code = 412
    default_detail = "It has changed since: none of the entity tags in If-Match is that of now."
    default_code = "precondition_failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. `errors` are pairs of a field and what is wrong with it."""

    status: int
    code: str
    detail: str
    errors: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As RFC 9457 has it."""
        body: dict[str, Any] = {
            "type": f"{TYPE}{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = [{"field": name, "detail": said} for name, said in self.errors]
        return body

    def response(self) -> Response:
        """As it is sent."""
        return Response(self.body(), status=self.status, headers=dict(self.headers), content_type=MEDIA_TYPE)


def answer(exception: Exception, _context: Mapping[str, Any]) -> Response:
    """The answer to whatever an endpoint has raised; what nobody expected goes to the log and not to the caller."""
    return problem_of(exception).response()


def problem_of(exception: Exception) -> Problem:
    """The refusal that an exception is."""
    match exception:
        case DomainError():
            return _of_domain(exception)
        case exceptions.ValidationError():
            errors = list(_flat(exception.detail))
            return Problem(400, CODE_OF[400], "The request is not as the documentation has it.", errors)
        case exceptions.APIException():
            return _of_framework(exception)
        case RedisError():
            log.warning("api.cache_unavailable", exc_info=exception)
            said = "Limits can't be kept at the moment. Try again."
            return Problem(503, "unavailable", said, headers={"Retry-After": str(RETRY_SECONDS)})
    log.error("api.failed", exc_info=exception)
    return Problem(500, "failed", "Something broke on our side. It is in the log. See what was done before you go on.")


def _of_domain(refusal: DomainError) -> Problem:
    status = next((STATUS_OF[kind] for kind in type(refusal).mro() if kind in STATUS_OF), 422)
    errors = list(refusal.fields.items()) if isinstance(refusal, Invalid) else []
    return Problem(status, refusal.code, refusal.message, errors)


def _of_framework(refusal: exceptions.APIException) -> Problem:
    headers = {}
    if said := getattr(refusal, "auth_header", None):
        headers["WWW-Authenticate"] = said
    if wait := getattr(refusal, "wait", None):
        headers["Retry-After"] = str(int(wait))
    status = refusal.status_code
    return Problem(status, CODE_OF.get(status, "refused"), str(refusal.detail), headers=headers)


def _flat(detail: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each message with the dotted name of its field."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            part = "" if key == "non_field_errors" else str(key)
            yield from _flat(inner, ".".join(filter(None, [name, part])))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, name)
    else:
        yield name, str(detail)
