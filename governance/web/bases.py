"""The four bases of all pages. None has a queryset of its own: each asks for what the actor may see.

Whoever forgets to say what is visible gets no page at all: the classes can't be made without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import django_filters
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views import View
from django_htmx.http import HttpResponseClientRedirect

from governance.core.actor import Actor
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.stepup import StepUpRequired
from governance.evidence import actions
from governance.evidence.actions import Asked
from governance.evidence.columns import Table
from governance.web import exports, step_up
from governance.web.actor import PortalRequest
from governance.web.paging import Keyset

UNPROCESSABLE = 422
READS: Final[tuple[str, ...]] = ("get", "head", "options")
SENDS: Final[tuple[str, ...]] = ("post", "options")


class Page(View):
    """A page for people who have signed in. The domain's refusals become answers here, and nowhere else."""

    request: PortalRequest
    actor: Actor
    now: datetime
    template_name: ClassVar[str]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer: 404 for what is not there or not theirs, 403 for what they may not do, 409 for what is over.

        Who may do it after a stronger sign-in is sent there, and comes back to the form as it was.

        No cache keeps it: what one person may see is nobody else's to find.
        """
        response = _to_sign_in(request) if self.request.actor is None else self._answer(request, *args, **kwargs)
        patch_cache_control(response, private=True, no_store=True)
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.actor, self.now = self.request.actor, self.request.now  # type: ignore[assignment]  # dispatch has looked
        try:
            return super().dispatch(request, *args, **kwargs)
        except NotFound as refusal:
            raise Http404(refusal.message) from refusal
        except StepUpRequired as refusal:
            return step_up.ask(request, refusal, self.back())
        except Denied as refusal:
            raise PermissionDenied(refusal.message) from refusal
        except Conflict as refusal:
            return self.conflict(refusal)

    def conflict(self, refusal: Conflict) -> HttpResponse:
        """Say who or what came first."""
        return render(self.request, "409.html", {"reason": refusal.message}, status=409)

    def back(self) -> str:
        """The page of the form that was sent, for whoever has to confirm that it is them first."""
        return self.request.path

    def draw(self, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
        """The page's template with the moment of the request."""
        return render(self.request, self.template_name, {"now": self.now, **context}, status=status)


class ListPage(Page, ABC):
    """A list of what the actor may see, filtered and page by page. `things` is what its parts call the rows."""

    http_method_names = READS
    title: ClassVar[str]
    things: ClassVar[str]
    order: ClassVar[str] = "newest first"
    lede: ClassVar[str] = ""
    keyset: ClassVar[Keyset]
    filters: ClassVar[type[django_filters.FilterSet]]
    table: ClassVar[Table | None] = None
    empty: ClassVar[str]
    no_match: ClassVar[str] = "Nothing matches."

    @abstractmethod
    def visible(self) -> "QuerySet[Any]":
        """What the actor may see, from the permissions of the package."""

    @abstractmethod
    def rows(self, found: Sequence[Any]) -> list[Any]:
        """The rows of one page as plain values, in a number of queries that does not grow with them."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """One page of the list, or all of it as a file.

        A filter that can't be read finds nothing, and says so beside its field.
        """
        filters = self.filters(request.GET, queryset=self.visible())
        valid = filters.form.is_valid()
        found = filters.qs if valid else self.visible().none()
        form = exports.form_of(request)
        if self.table and valid and form:
            asked = Asked(form, exports.chosen(request, filters), self.actor, timezone.now)
            return exports.sent(self.table, actions.export_list(self.table, found, self.keyset, asked), form)
        part = self.keyset.slice(found, request.GET)
        context = {
            "title": self.title,
            "things": self.things,
            "order": self.order,
            "lede": self.lede,
            "filter_form": filters.form,
            "rows": self.rows(part.rows),
            "page": part.page,
            "empty": self.no_match if filters.form.has_changed() else self.empty,
            "columns": self.table.headings if self.table else {},
            "exports": exports.links(request) if self.table else [],
        }
        return self.draw({**context, **self.context()})

    def context(self) -> dict[str, Any]:
        """What the template takes besides."""
        return {}


class DetailPage(Page, ABC):
    """One thing that the actor may see."""

    http_method_names = READS

    @abstractmethod
    def visible(self) -> "QuerySet[Any]":
        """What the actor may see, from the permissions of the package."""

    @abstractmethod
    def context(self, found: Any) -> dict[str, Any]:
        """The thing as plain values."""

    def get(self, _request: HttpRequest, pk: UUID) -> HttpResponse:
        """The thing; 404 for strangers as for what does not exist."""
        return self.draw(self.context(found(self.visible(), pk)))


class FormPage(Page, ABC):
    """A form on a page of its own: shown, checked, sent on to one action."""

    http_method_names: Sequence[str] = (*READS, "post")
    form_class: ClassVar[type[Form]]

    @abstractmethod
    def act(self, form: Any) -> HttpResponse:
        """Call one action with what a valid form holds, and say where to go. Raises Invalid and other refusals."""

    @abstractmethod
    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The page with the form, and with what is wrong in it."""

    def form(self, data: Any = None) -> Form:
        """The form, bound if there is data."""
        return self.form_class(data)

    def get(self, request: HttpRequest, **_where: Any) -> HttpResponse:
        """The empty form, or what had been typed before one was asked to confirm that it is oneself."""
        form = self.form()
        form.initial = {**form.initial, **step_up.typed(self.request)}
        return self.show(form)

    def post(self, request: HttpRequest, **_where: Any) -> HttpResponse:
        """Act, or show what is wrong beside each field."""
        form = self.form(request.POST)
        if form.is_valid():
            try:
                return self.act(form)
            except Invalid as refusal:
                blame(form, refusal)
        return self.show(form, status=UNPROCESSABLE)


class ActionPage(FormPage, ABC):
    """A form that stands on the page of something else: it is only ever sent."""

    http_method_names = SENDS


def found(visible: "QuerySet[Any]", pk: Any) -> Any:
    """The visible row with the key. Raises NotFound."""
    row = visible.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def blame(form: Form, refusal: Invalid) -> None:
    """Put what the domain refused beside the fields; what belongs to no field goes above the form."""
    for field, message in refusal.fields.items():
        form.add_error(field if field in form.fields else None, message)


def _to_sign_in(request: Any) -> HttpResponseBase:
    """To the sign-in page and back. A fragment must not be filled with it, nor a form be sent by following a link."""
    if request.htmx:
        page = redirect_to_login(request.htmx.current_url_abs_path or "/")
        return HttpResponseClientRedirect(page["Location"])
    return redirect_to_login(request.get_full_path() if request.method in {"GET", "HEAD"} else "/")
