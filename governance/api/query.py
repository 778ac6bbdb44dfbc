"""What stands in an address: filters, the place in a list and its size. What means nothing there is refused."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from governance.core.errors import Invalid, NotFound
from governance.core.paging import AFTER, BEFORE, Keyset, Slice
from governance.evidence.rules import Form

LIMIT = "limit"
FORMAT = "format"
MOST = 200
"""Rows on one page."""

MOST_TEXT = 200
"""Characters of one value."""

PLACES = (AFTER, BEFORE, LIMIT)


def checked(request: Request, names: Collection[str]) -> QueryDict:
    """The query, each of the names once at most. Raises ValidationError for any other, and for empty ones.

    A filter that nobody knows must not be passed over: the answer would hold more than was asked for.
    """
    wrong = {}
    for name, values in request.query_params.lists():
        if name not in names:
            wrong[name] = ["There is no such parameter."]
        elif len(values) != 1:
            wrong[name] = ["Give it once."]
        elif not values[0]:
            wrong[name] = ["Give it a value, or leave it out."]
        elif len(values[0]) > MOST_TEXT or "\0" in values[0]:
            wrong[name] = [f"A text of {MOST_TEXT} characters at most, without NUL."]
    if wrong:
        raise ValidationError(wrong)
    query: QueryDict = request.query_params
    return query


class NoFilter(django_filters.FilterSet):
    """For lists that are short enough to be read whole."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list as it was asked for."""

    query: QueryDict
    filters: Any
    limit: int | None

    @classmethod
    def of(cls, request: Request, filters: type[django_filters.FilterSet]) -> "Listing":
        """Read it. Raises ValidationError, Invalid."""
        query = checked(request, {*filters.base_filters, *PLACES})
        if AFTER in query and BEFORE in query:
            raise Invalid({BEFORE: "Give one of the two, `after` or `before`."})
        return cls(query, filters, _limit(query.get(LIMIT)))

    def filtered(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """The rows that the filters leave. Raises ValidationError."""
        return filtered(self.filters, self.query, rows)

    def slice(self, rows: "QuerySet[Any]", keyset: Keyset) -> Slice[Any]:
        """The page. Raises Invalid for a place that is none."""
        try:
            return keyset.part(rows, self.query, self.limit)
        except NotFound:
            name = BEFORE if BEFORE in self.query else AFTER
            raise Invalid({name: "There is no such place; take it from an answer."}) from None


def filtered(filters: type[django_filters.FilterSet], query: QueryDict, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """The rows that the filters leave. Raises ValidationError."""
    chosen = filters(query, queryset=rows)
    if not chosen.form.is_valid():
        raise ValidationError(chosen.form.errors)
    found: QuerySet[Any] = chosen.qs
    return found


def form_of(query: QueryDict) -> Form:
    """The form of a file that is asked for. Raises ValidationError."""
    said = query.get(FORMAT)
    if said not in set(Form):
        raise ValidationError({FORMAT: [f"One of: {', '.join(Form)}."]})
    return Form(said)


def _limit(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,2}", text, re.ASCII) or int(text) > MOST:
        raise ValidationError({LIMIT: [f"A whole number from 1 to {MOST}."]})
    return int(text)
