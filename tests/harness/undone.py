"""A stretch of a test that leaves nothing behind."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is undone. The product's transactions count as outermost ones in it, as in every test."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # as Django's own TestCase says it
    with block:
        try:
            yield
        finally:
            transaction.set_rollback(True)
