"""The bases of all endpoints. None has a queryset of its own: each asks for what the actor may see."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.api import conditions, idempotency, query
from governance.api.operations import Operation
from governance.api.parsing import MOST_BYTES
from governance.api.query import Listing, checked
from governance.core.actor import Actor
from governance.core.errors import NotFound
from governance.core.ids import new_id
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence.actions import Asked, export_list
from governance.evidence.columns import Table
from governance.evidence.rules import Form


class FileNegotiation(DefaultContentNegotiation):
    """A file comes in the form that the address names; a refusal is a problem, whatever is accepted."""

    def select_renderer(self, _request: Any, renderers: Any, _format_suffix: Any = None) -> Any:
        """The only one there is."""
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """An address of the API. It has the methods that it has declared an operation for."""

    http_method_names: ClassVar[list[str]] = ["get", "head", "post"]  # type: ignore[misc]  # narrower than View's
    operations: ClassVar[Mapping[str, Operation]] = {}
    tag: ClassVar[str]
    most_bytes: ClassVar[int] = MOST_BYTES
    actor: Actor
    now: datetime

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        """The request as the framework has it, in UTF-8 whatever it calls itself."""
        request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Settle who asks and when."""
        super().initial(request, *args, **kwargs)
        self.actor, self.now = request.user.actor, request._request.now  # noqa: SLF001 - set by ActorMiddleware

    def check_permissions(self, request: Any) -> None:
        """Whether the caller may do this. What is refused counts as well, and so it is counted before."""
        if request.user is not None:
            super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Any) -> None:
        """Counted already."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """No cache keeps it: what one caller may see is nobody else's to find."""
        final = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(final, private=True, no_cache=True)
        return final

    def sent(self, request: Request) -> Any:
        """What the operation's body says. Raises ValidationError."""
        checked(request, ())
        body: Any = self.operations[str(request.method)].body
        read = body(data=request.data)
        read.is_valid(raise_exception=True)
        return read.validated_data

    def told(self, request: Request, thing: Any) -> Any:
        """A thing as the operation answers it."""
        answer: Any = self.operations["GET" if request.method == "HEAD" else str(request.method)].answer
        return answer(thing, context={"actor": self.actor, "now": self.now}).data


class ListEndpoint(Endpoint, ABC):
    """A list of what the actor may see, filtered and page by page."""

    keyset: ClassVar[Keyset]
    filters: ClassVar[type[django_filters.FilterSet]]

    @abstractmethod
    def visible(self) -> "QuerySet[Any]":
        """What the actor may see, from the permissions of the package."""

    def rows(self, found: Sequence[Any]) -> Sequence[Any]:
        """What the answer takes of the rows, in a number of queries that does not grow with them."""
        return found

    def get(self, request: Request, **_where: UUID) -> Response:
        """One page of the list."""
        listing = Listing.of(request, self.filters)
        part = listing.slice(listing.filtered(self.visible()), self.keyset)
        items = [self.told(request, row) for row in self.rows(part.rows)]
        near = {"previous": part.previous, "next": part.next}
        return Response({"items": items, **{name: place and request.path + place for name, place in near.items()}})


class MakeEndpoint(ListEndpoint):
    """A list to which things are added, each once for an `Idempotency-Key`."""

    address: ClassVar[str] = ""
    """The name of the address at which each is read; none where the list alone tells of them."""

    @abstractmethod
    def make(self, given: Mapping[str, Any], token: UUID) -> Any:
        """Call one action, and answer what it has made. `token` is the same id for the same caller and key."""

    def whole(self, found: Any) -> Any:
        """What the answer takes of the thing."""
        return found

    def post(self, request: Request, **_where: UUID) -> Response:
        """Make it, once. Who may not see the list finds none, whatever is sent."""
        self.visible()
        given, token = self.sent(request), idempotency.token_for(request, self.actor, new_id())
        return idempotency.once(request, self.actor, lambda: self._made(request, given, token))

    def _made(self, request: Request, given: Mapping[str, Any], token: UUID) -> Response:
        made = self.make(given, token)
        told = self.told(request, self.whole(self.visible().get(pk=made.pk)))
        headers = {"ETag": conditions.tag_of(told)}
        if self.address:
            headers["Location"] = reverse(self.address, args=[made.pk])
        return Response(told, status=201, headers=headers)


class ExportEndpoint(Endpoint, ABC):
    """All of a list that the actor may see, as a file. Each export is recorded."""

    http_method_names: ClassVar[list[str]] = ["get"]  # type: ignore[misc]  # narrower than View's
    content_negotiation_class = FileNegotiation
    keyset: ClassVar[Keyset]
    filters: ClassVar[type[django_filters.FilterSet]]
    table: ClassVar[Table]

    @abstractmethod
    def visible(self) -> "QuerySet[Any]":
        """What the actor may see, from the permissions of the package."""

    def content(self, rows: "QuerySet[Any]", asked: Asked) -> Iterator[bytes]:
        """The file, made while it is read."""
        return export_list(self.table, rows, self.keyset, asked)

    def get(self, request: Request) -> StreamingHttpResponse:
        """The file, in the form that is asked for."""
        said = checked(request, {*self.filters.base_filters, query.FORMAT})
        form = query.form_of(said)
        found = query.filtered(self.filters, said, self.visible())
        chosen = {name: str(value) for name, value in said.items() if name != query.FORMAT}
        return self.sent_as(form, self.content(found, Asked(form, chosen, self.actor, timezone.now)))

    def sent_as(self, form: Form, content: Iterator[bytes]) -> StreamingHttpResponse:
        """The file on its way."""
        response = StreamingHttpResponse(content, content_type=form.media_type)
        response["Content-Disposition"] = f'attachment; filename="{self.table.name}.{form}"'
        return response


class OneEndpoint(Endpoint, ABC):
    """One thing that the actor may see."""

    @abstractmethod
    def visible(self) -> "QuerySet[Any]":
        """What the actor may see, from the permissions of the package."""

    def whole(self, found: Any) -> Any:
        """What the answer takes of the thing."""
        return found

    def found(self, pk: UUID) -> Any:
        """The visible thing. Raises NotFound."""
        row = self.visible().filter(pk=pk).first()
        if row is None:
            raise NotFound
        return self.whole(row)

    def get(self, request: Request, pk: UUID) -> Response:
        """The thing; 404 for strangers as for what does not exist."""
        checked(request, ())
        return conditions.answered(request, self.told(request, self.found(pk)))


class ActEndpoint(OneEndpoint):
    """Something that is done to a thing. It answers the thing as it is then."""

    http_method_names: ClassVar[list[str]] = ["post"]  # type: ignore[misc]  # narrower than View's
    get = None  # type: ignore[assignment]  # the thing is read at its own address

    @abstractmethod
    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Call one action. Raises what it refuses, and what `as_seen` raises once it is locked."""

    def post(self, request: Request, pk: UUID) -> Response:
        """Do it once, if it is still as the caller has seen it."""
        given = self.sent(request)
        return idempotency.once(request, self.actor, lambda: self._done(request, pk, given))

    def _done(self, request: Request, pk: UUID, given: Mapping[str, Any]) -> Response:
        def as_seen() -> None:
            conditions.require_match(request, lambda: self.told(request, self.found(pk)))

        as_seen()  # before the domain says what else has become of it; what counts is the look under the lock
        self.act(pk, given, as_seen)
        now = self.told(request, self.found(pk))
        return Response(now, headers={"ETag": conditions.tag_of(now)})
