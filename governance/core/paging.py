"""Lists by keyset: a page begins where another ended, however deep, and no row is counted or skipped over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

from governance.core.errors import NotFound

M = TypeVar("M", bound=Model)

AFTER: Final = "after"
BEFORE: Final = "before"
SEPARATOR = "~"
SIZE = 50
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Slice(Generic[M]):
    """The rows of one page, and the addresses of its neighbours: queries that keep the filters."""

    rows: Sequence[M]
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Keyset:
    """An order by columns of the model that together are unique."""

    columns: tuple[str, ...]
    descending: bool = True
    size: int = SIZE

    def part(self, rows: "QuerySet[M]", query: QueryDict, size: int | None = None) -> Slice[M]:
        """The page that the address asks for, in one query. Raises NotFound for a place that can't be read."""
        size = size or self.size
        back = BEFORE in query
        place = query.get(BEFORE if back else AFTER)
        if place is not None:
            rows = rows.filter(self._beyond(self._read(rows.model, place), back=back))
        found = list(rows.order_by(*self._order(back=back))[: size + 1])
        more, kept = len(found) > size, found[:size]
        if back:
            kept.reverse()
        newer = kept and (more if back else place is not None)
        older = kept and (True if back else more)
        return Slice(
            kept,
            previous=_address(query, BEFORE, self._place(kept[0])) if newer else None,
            next=_address(query, AFTER, self._place(kept[-1])) if older else None,
        )

    def walk(self, rows: "QuerySet[M]", size: int = CHUNK) -> Iterator[list[M]]:
        """All rows in their order, `size` of them at a time and so many in memory: no transaction is kept open."""
        ordered = rows.order_by(*self._order(back=False))
        chunk = list(ordered[:size])
        while chunk:
            yield chunk
            if len(chunk) < size:
                return
            values = [getattr(chunk[-1], column) for column in self.columns]
            chunk = list(ordered.filter(self._beyond(values, back=False))[:size])

    def _order(self, *, back: bool) -> list[str]:
        sign = "-" if self.descending != back else ""
        return [f"{sign}{column}" for column in self.columns]

    def _beyond(self, values: Sequence[Any], *, back: bool) -> Q:
        operator = "lt" if self.descending != back else "gt"
        condition, equal = Q(pk__in=[]), Q()
        for column, value in zip(self.columns, values, strict=True):
            condition |= equal & Q(**{f"{column}__{operator}": value})
            equal &= Q(**{column: value})
        return condition

    def _read(self, model: type[M], place: str) -> list[Any]:
        parts = place.split(SEPARATOR)
        if len(parts) != len(self.columns) or "\0" in place:
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
