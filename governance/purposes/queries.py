"""Reads about purposes that other packages and pages share."""

from django.db import connection
from django.db.models import IntegerField, Max
from django.db.models.functions import Cast, Substr

from governance.purposes.models import Purpose

FIRST = 1001
NUMBERING = 0x50555250
"""The key of the advisory lock under which references are given: "PURP"."""


def hold_numbering() -> None:
    """From here on nobody else gives a purpose a reference, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING])


def next_reference() -> str:
    """The reference of a new purpose, one above all there are: "P-1001". Nobody else gets it meanwhile."""
    hold_numbering()
    numbered = Purpose.objects.filter(reference__regex=r"^P-[0-9]{1,9}$")
    last = numbered.aggregate(last=Max(Cast(Substr("reference", 3), IntegerField())))["last"] or 0
    return f"P-{max(FIRST, last + 1)}"
