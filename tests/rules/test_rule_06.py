"""Rule 6: one grant of an identity, entitlement and purpose at any moment, whoever inserts it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from governance.core.errors import Invalid
from governance.grants.models import Grant
from governance.grants.states import GrantState
from tests.builders import Organisation, entitlement, purpose
from tests.leases import HOUR, granted, started
from tests.rules.sql import columns, insert, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def grant(org: Organisation) -> Grant:
    return started(org)


class TestASecondGrant:
    @pytest.mark.parametrize(
        ("later", "length"),
        [
            (timedelta(), 2 * HOUR),
            (HOUR, HOUR / 2),
            (-HOUR, 9 * HOUR),
            (2 * HOUR - timedelta(microseconds=1), HOUR),
            (-HOUR, HOUR + timedelta(microseconds=1)),
        ],
    )
    def test_that_shares_a_moment_is_refused(self, grant: Grant, later: timedelta, length: timedelta) -> None:
        start = grant.starts_at + later
        with pytest.raises(IntegrityError, match="rule_06_one_grant_per_purpose"):
            insert(columns(grant, starts_at=start, ends_at=start + length))

    @pytest.mark.parametrize("state", sorted(set(GrantState) - {GrantState.CANCELLED}))
    def test_is_refused_in_whatever_state_the_first_is(self, grant: Grant, state: str) -> None:
        run("UPDATE governance_grant SET state = %s", state)
        with pytest.raises(IntegrityError, match="rule_06_one_grant_per_purpose"):
            insert(columns(grant))

    def test_is_refused_where_the_first_only_waits(self, org: Organisation) -> None:
        with pytest.raises(IntegrityError, match="rule_06_one_grant_per_purpose"):
            insert(columns(granted(org)))

    def test_may_take_the_place_of_one_that_was_cancelled(self, org: Organisation) -> None:
        grant = granted(org)
        values = columns(grant)
        run("UPDATE governance_grant SET state = 'cancelled', state_reason = 'Withdrawn'")
        insert(values)

    def test_for_another_purpose_or_entitlement_may_stand_beside_it(self, grant: Grant, org: Organisation) -> None:
        insert(columns(grant, purpose_id=purpose(org.owner).pk))
        insert(columns(grant, entitlement_id=entitlement(org.system, org.owner).pk))

    @pytest.mark.parametrize("now", [granted, started])
    def test_is_not_even_asked_for(self, org: Organisation, now: Any) -> None:
        first = now(org)
        with pytest.raises(Invalid, match=f"{first} already leases"):
            org.submit()
