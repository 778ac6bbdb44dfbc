from datetime import datetime
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model, covariant=True)


@models.Field.register_lookup
@models.ForeignObject.register_lookup
class Among(models.Lookup):
    """`field__among=<queryset of one column>`: as `in`, but what it finds is read first, once, into an array.

    Where `a IN (SELECT …) OR b IN (SELECT …)` reads a whole table, arrays are looked up in the indexes. As a mere
    filter a long array is slow: use it where every part of the condition has its index.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """`field = ANY(ARRAY(SELECT …))`."""
        left, params = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"{left} = ANY(ARRAY{right})", (*params, *more)


class PeriodQuerySet(models.QuerySet[M]):
    """Rows that hold for a half-open period [starts_at, ends_at)."""

    def at(self, moment: datetime) -> "PeriodQuerySet[M]":
        """Those that hold at the moment."""
        return self.filter(covers(moment))

    def unended(self, moment: datetime) -> "PeriodQuerySet[M]":
        """Those that have not ended by the moment: they hold then, or begin later."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=moment))


def covers(moment: datetime, prefix: str = "") -> Q:
    """The condition that a period covers the moment, for use across a join with `prefix`."""
    started = Q(**{f"{prefix}starts_at__lte": moment})
    unended = Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": moment})
    found: Q = started & unended
    return found
