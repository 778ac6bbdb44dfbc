from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q

M = TypeVar("M", bound=models.Model, covariant=True)

LONGEST_NUMBER = 18
"""Digits of a number that surely fits a bigint."""


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


def saying(words: str, fields: Sequence[str], *, reference: str = "", number: str = "number") -> Q:
    """The condition that every word occurs in one of the fields, or is the row's reference, such as G-19862.

    `reference` is the prefix of references, empty where rows have none; `number` the field behind it.
    """
    found = Q()
    for word in words.split():
        found &= _in_any(word, fields) | (_numbered(word, reference, number) if reference else Q())
    return found


def _in_any(word: str, fields: Sequence[str]) -> Q:
    found = Q()
    for field in fields:
        found |= Q(**{f"{field}__icontains": word})
    return found


def _numbered(word: str, prefix: str, field: str) -> Q:
    digits = word.upper().removeprefix(prefix)
    known = digits.isdecimal() and len(digits) < LONGEST_NUMBER
    return Q(**{field: int(digits)}) if known else Q()
