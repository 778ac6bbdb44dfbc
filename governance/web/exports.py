"""A list as a file: the links to it, and the answer that carries it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django_filters import FilterSet

from governance.core.paging import AFTER, BEFORE
from governance.evidence.columns import Table
from governance.evidence.rules import Form

AS: Final = "as"


@dataclass(frozen=True, slots=True)
class ExportLink:
    """One form of a file, and where it is."""

    label: str
    url: str


def links(request: HttpRequest, path: str = "") -> list[ExportLink]:
    """The file in each form, with the filters of the page."""
    query = request.GET.copy()
    for name in (AFTER, BEFORE):
        query.pop(name, None)
    found = []
    for form in Form:
        query[AS] = form
        found.append(ExportLink(form.label, f"{path}?{query.urlencode()}"))
    return found


def form_of(request: HttpRequest) -> Form | None:
    """The form that is asked for; None where a page is."""
    said = request.GET.get(AS)
    return Form(said) if request.method == "GET" and said in set(Form) else None


def chosen(request: HttpRequest, filters: FilterSet) -> dict[str, str]:
    """The filters of a valid form as they were sent."""
    return {name: request.GET[name] for name in filters.form.cleaned_data if request.GET.get(name)}


def sent(table: Table, content: Iterator[bytes], form: Form) -> StreamingHttpResponse:
    """The file on its way, made while it is read."""
    name = f"{table.name}-{timezone.now():%Y%m%dT%H%M%SZ}.{form}"
    response = StreamingHttpResponse(content, content_type=form.media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
