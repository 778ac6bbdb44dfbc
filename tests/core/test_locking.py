"""What a unit of work says when it can't have what it needs."""

from threading import Event

import pytest
from django.db import connection

from governance.core.errors import Conflict
from governance.core.locking import locked_all, unit_of_work
from governance.identities.models import Identity
from tests.builders import person
from tests.harness.races import at_once, split

pytestmark = pytest.mark.django_db(transaction=True)


def test_is_a_conflict_when_somebody_holds_the_row_for_long() -> None:
    wanted, tried = person(), Event()

    @unit_of_work()
    def hold() -> None:
        locked_all(Identity.objects.filter(pk=wanted.pk))
        assert tried.wait(timeout=10)

    @unit_of_work()
    def hurry() -> None:
        connection.cursor().execute("SET LOCAL lock_timeout = '50ms'")
        locked_all(Identity.objects.filter(pk=wanted.pk))

    def be_late() -> None:
        try:
            for _ in range(100):
                hurry()
        finally:
            tried.set()

    _, refused = split(at_once(hold, be_late))
    assert [type(one) for one in refused] == [Conflict]
    assert "Try again" in str(refused[0])
