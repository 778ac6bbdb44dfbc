"""Pages of lists, with a sentence on what is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict

from governance.core import paging

M = TypeVar("M", bound=Model)


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


class Keyset(paging.Keyset):
    """An order by columns that together are unique, whose pages say what they show."""

    def slice(self, rows: "QuerySet[M]", query: QueryDict) -> Slice[M]:
        """The page that the address asks for, in one query. Raises NotFound for a place that can't be read."""
        part = self.part(rows, query)
        shown = _shown(len(part.rows), whole=not part.previous and not part.next)
        return Slice(part.rows, Page(part.previous, part.next, shown))


def _shown(count: int, *, whole: bool) -> str:
    if not whole:
        return f"{count} on this page"
    return "" if not count else f"All {count}" if count > 1 else "The only one"
