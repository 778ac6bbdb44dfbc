"""The API described by itself (OpenAPI 3.1), from what each endpoint declares."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import django_filters
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from governance.api import idempotency, problems, query
from governance.api.fields import Shape
from governance.api.operations import Operation as Declared
from governance.core.paging import AFTER, BEFORE
from governance.evidence.rules import Form
from governance.users.states import Scope

TEXT: Final = {"type": "string", "minLength": 1, "maxLength": query.MOST_TEXT, "pattern": r"^[^\u0000]+$"}


class Problem(Shape):
    """Why something is refused (RFC 9457). `code` is stable for programs, `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = inline_serializer(  # type: ignore[assignment]  # the metaclass takes it out of the class
        "ProblemError", {"field": serializers.CharField(), "detail": serializers.CharField()}, many=True, required=False
    )


REFUSALS: Mapping[int, str] = {
    400: "What was sent is not as described here",
    401: "No token, or one that is unknown, revoked or past its end",
    403: "The caller may see the thing but not do this, or the token lacks the scope",
    404: "There is no such thing, or none that the caller may see",
    405: "There is no such method here",
    406: "Only JSON is answered",
    409: "Somebody or something else came first",
    412: "It has changed since the entity tag in If-Match",
    413: "More was sent than the operation takes",
    415: "Only JSON is taken",
    422: "What was sent breaks a rule of the domain; `errors` name the fields",
    429: "Too many requests; `Retry-After` says when to come back",
    503: "Not at the moment; `Retry-After` says when to come back",
}
ALWAYS = frozenset({400, 401, 403, 405, 406, 429, 503})
CHANGING = ALWAYS | {404, 409, 413, 415, 422}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """How a token is sent."""

    target_class = "governance.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "description": "An API token, made in the account menu."}


class PortalSessionScheme(SessionScheme):  # type: ignore[no-untyped-call]  # it registers itself
    """The session of somebody who tries this page out."""

    target_class = "governance.api.authentication.SessionAuthentication"
    name = "session"


class Operation(AutoSchema):
    """One operation, as its endpoint declares it."""

    view: Any

    @property
    def declared(self) -> Declared:
        """What the endpoint says of the method."""
        found: Declared = self.view.operations[self.method]
        return found

    def get_operation_id(self) -> str:
        """Stable for programs."""
        return self.declared.id

    def get_summary(self) -> str:
        """In a few words."""
        return self.declared.summary

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """What the endpoint is, and what a token needs."""
        return f"{self.view.__doc__}\n\nScope: `{self.declared.scope}`."

    def get_tags(self) -> list[str]:
        """The area."""
        return [self.view.tag]

    def get_request_serializer(self) -> Any:
        """What is sent."""
        return self.declared.body

    def get_response_serializers(self) -> Any:
        """What is answered, and every refusal."""
        told: dict[Any, Any] = dict(self._answers())
        if self._conditional_read():
            told[304] = OpenApiResponse(description="As in If-None-Match")
        for status in sorted(self._refusals()):
            said = REFUSALS[status]
            told[status, problems.MEDIA_TYPE] = OpenApiResponse(Problem, description=said)
        return told

    def _answers(self) -> Iterator[tuple[Any, Any]]:
        declared = self.declared
        if declared.answer is not None:
            yield declared.status, _listed(declared.answer) if declared.listed else declared.answer
        for form in Form if declared.exports else ():
            yield (declared.status, form.media_type.partition(";")[0]), OpenApiTypes.STR
        for media in declared.media:
            yield (declared.status, media), OpenApiTypes.BINARY

    def _refusals(self) -> frozenset[int]:
        if self.method == "POST":
            return CHANGING | ({412} if self.declared.conditional else frozenset())
        told = hasattr(self.view, "parameters")  # figures of a period, for those who may know them
        missing = {404} if told or "{" in self.path else frozenset()
        return ALWAYS | missing | ({422} if told or self.declared.listed else frozenset())

    def _conditional_read(self) -> bool:
        return self.method == "GET" and self.declared.conditional

    def get_filter_backends(self) -> list[Any]:
        """None of the framework's: filters are described below."""
        return []

    def get_override_parameters(self) -> list[Any]:
        """Filters, the place in a list, and the headers."""
        return [*self._filters(), *getattr(self.view, "parameters", ()), *self._headers()]

    def _filters(self) -> Iterator[OpenApiParameter]:
        filtered = self.declared.listed or self.declared.exports
        for name, one in self.view.filters.base_filters.items() if filtered else ():
            said = str(one.extra.get("label") or one.label or name)
            yield OpenApiParameter(name, _type_of(one), description=said)
        if self.declared.exports:
            yield OpenApiParameter(query.FORMAT, {"type": "string", "enum": list(Form)}, required=True)
        if self.declared.listed:
            yield OpenApiParameter(AFTER, TEXT, description="The place to go on from; from an answer's `next`.")
            yield OpenApiParameter(BEFORE, TEXT, description="The place to go back from; from `previous`.")
            limit = {"type": "integer", "minimum": 1, "maximum": query.MOST}
            yield OpenApiParameter(query.LIMIT, limit, description="How many at most.")

    def _headers(self) -> Iterator[OpenApiParameter]:
        if (
            self.method == "POST" and self.declared.scope != Scope.READ
        ):  # a question changes nothing, asked twice or not
            key = {"type": "string", "pattern": idempotency.SHAPE}
            said = "Sent again with the same request, it answers as the first time."
            yield OpenApiParameter(idempotency.HEADER, key, "header", description=said)
        if self.declared.conditional:
            name = "If-Match" if self.method == "POST" else "If-None-Match"
            yield OpenApiParameter(name, {"type": "string"}, "header")
            tag = {"type": "string"}
            yield OpenApiParameter("ETag", tag, "header", response=[self.declared.status])


@cache
def _listed(one: Any) -> Any:
    """One page of a list."""
    place = serializers.CharField(allow_null=True, help_text="The address of the neighbouring page.")
    fields: dict[str, Any] = {"items": one(many=True), "previous": place, "next": place}
    return inline_serializer(f"{one.__name__}List", fields)


def _type_of(one: Any) -> dict[str, Any]:
    """The schema of what a filter takes."""
    match one:
        case django_filters.ChoiceFilter():
            choices = one.extra["choices"]
            return {"type": "string", "enum": [value for value, _ in (choices() if callable(choices) else choices)]}
        case django_filters.UUIDFilter():
            return {"type": "string", "format": "uuid"}
        case django_filters.IsoDateTimeFilter() | django_filters.DateTimeFilter():
            return {"type": "string", "format": "date-time"}
    return TEXT


def finish(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Say that a body holds the named fields and no other."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("BodyRequest"):
            schema["additionalProperties"] = False
            for one in schema.get("properties", {}).values():
                if one.get("type") == "string" and "format" not in one and "enum" not in one:
                    one.setdefault("pattern", r"^[^\u0000]*$")
    return result
