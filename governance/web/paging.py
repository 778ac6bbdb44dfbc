"""Lists by keyset: a page begins where another ended, however deep, and no row is counted or skipped over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from governance.core.errors import NotFound

M = TypeVar("M", bound=Model)

AFTER, BEFORE = "after", "before"
SEPARATOR = "~"
SIZE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """The way on from a page: addresses of its neighbours, and a sentence on what is shown."""

    previous: str | None
    next: str | None
    shown: str


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """The rows of one page and the way on from it."""

    rows: Sequence[M]
    page: Page


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order by columns of the model that together are unique."""

    columns: tuple[str, ...]
    descending: bool = True
    size: int = SIZE

    def slice(self, rows: "QuerySet[M]", query: QueryDict) -> Slice[M]:
        """The page that the address asks for, in one query. Raises NotFound for a place that can't be read."""
        back = BEFORE in query
        place = query.get(BEFORE if back else AFTER)
        if place is not None:
            rows = rows.filter(self._beyond(rows.model, place, back=back))
        found = list(rows.order_by(*self._order(back=back))[: self.size + 1])
        more, kept = len(found) > self.size, found[: self.size]
        if back:
            kept.reverse()
        newer = kept and (more if back else place is not None)
        older = kept and (True if back else more)
        page = Page(
            previous=_address(query, BEFORE, self._place(kept[0])) if newer else None,
            next=_address(query, AFTER, self._place(kept[-1])) if older else None,
            shown=_shown(len(kept), whole=not newer and not older),
        )
        return Slice(kept, page)

    def _order(self, *, back: bool) -> list[str]:
        sign = "-" if self.descending != back else ""
        return [f"{sign}{column}" for column in self.columns]

    def _beyond(self, model: type[M], place: str, *, back: bool) -> Q:
        values = self._read(model, place)
        operator = "lt" if self.descending != back else "gt"
        condition, equal = Q(pk__in=[]), Q()
        for column, value in zip(self.columns, values, strict=True):
            condition |= equal & Q(**{f"{column}__{operator}": value})
            equal &= Q(**{column: value})
        return condition

    def _read(self, model: type[M], place: str) -> list[Any]:
        parts = place.split(SEPARATOR)
        if len(parts) != len(self.columns):
            raise NotFound
        try:
            return [_field(model, column).to_python(part) for column, part in zip(self.columns, parts, strict=True)]
        except ValidationError:
            raise NotFound from None

    def _place(self, row: M) -> str:
        return SEPARATOR.join(_field(type(row), column).value_to_string(row) for column in self.columns)


def _field(model: type[Model], column: str) -> Any:
    return model._meta.get_field(column)


def _address(query: QueryDict, name: str, place: str) -> str:
    """The same list from another place."""
    other = query.copy()
    other.pop(AFTER, None)
    other.pop(BEFORE, None)
    other[name] = place
    return f"?{other.urlencode()}"


def _shown(count: int, *, whole: bool) -> str:
    if not whole:
        return f"{count} on this page"
    return "" if not count else f"All {count}" if count > 1 else "The only one"
