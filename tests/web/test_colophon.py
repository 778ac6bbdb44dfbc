"""What every page says of the log at its foot."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.audit.models import AuditCheck
from tests.builders import Organisation
from tests.rules.sql import run
from tests.web.conftest import Visit

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("age", "ok", "said"),
    [
        (timedelta(minutes=1), True, "Log verified"),
        (timedelta(hours=1), True, "Log sealed, not checked lately"),
        (timedelta(hours=1), False, "The log does not agree with its seal"),
    ],
)
def test_says_what_is_known_as_of_the_last_check(
    org: Organisation, visit: Visit, age: timedelta, ok: bool, said: str
) -> None:
    now = timezone.now()
    run(
        "INSERT INTO audit_checkpoint (size, root, sealed_at, note, horizon, system_identifier) "
        "VALUES (1, %s, %s, '', pg_current_xact_id(), 1)",
        bytes(32),
        now,
    )
    AuditCheck.objects.create(
        at=now - age, from_size=0, to_size=1, again_from=0, again_to=0, ok=ok, finding="" if ok else "x"
    )
    assert said in visit(org.requester).get("/").content.decode()
