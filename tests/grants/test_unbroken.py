"""How long an entitlement has been held without a break, as rules ask."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.core.subjects import Unbroken, leasing
from governance.grants.models import Grant
from governance.grants.rules import unbroken
from governance.grants.states import GrantState
from governance.policy.queries import Asking, gather_facts
from tests.builders import Organisation, live_grant, purpose

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)


def at(day: int) -> datetime:
    return NOON + timedelta(days=day)


class TestUnbroken:
    @pytest.mark.parametrize(
        ("leases", "since", "renewals"),
        [
            ([(-3, 2)], -3, 0),
            ([(-9, -3), (-3, 2)], -9, 1),
            ([(-9, -1), (-3, 2)], -9, 1),
            ([(-3, 2), (-9, -3)], -9, 1),
            ([(-9, 5), (-3, -2)], -9, 1),
            ([(-9, 5), (-7, -6), (-3, 2)], -9, 2),
            ([(-9, -4), (-3, 2)], -3, 0),
            ([(-20, -10), (-10, -4), (-3, -1), (-1, 2)], -3, 1),
            ([(-9, -3), (-3, 0)], -9, 1),
            ([(0, 4)], 0, 0),
        ],
    )
    def test_joins_what_overlaps_or_follows_at_once(
        self, leases: list[tuple[int, int]], since: int, renewals: int
    ) -> None:
        assert unbroken([(at(start), at(end)) for start, end in leases], NOON) == Unbroken(at(since), renewals)

    @pytest.mark.parametrize("leases", [[], [(-9, -1)], [(-9, -3), (-3, -1)]])
    def test_is_none_where_the_hold_does_not_reach_to_now(self, leases: list[tuple[int, int]]) -> None:
        assert unbroken([(at(start), at(end)) for start, end in leases], NOON) is None

    def test_breaks_at_the_smallest_gap(self) -> None:
        tick = timedelta(microseconds=1)
        assert unbroken([(at(-9), at(-3) - tick), (at(-3), at(2))], NOON) == Unbroken(at(-3), 0)
        assert unbroken([(at(-9), NOON - tick)], NOON) is None


@pytest.mark.django_db
class TestLeases:
    def test_count_over_all_purposes_and_only_what_has_begun(self) -> None:
        company = Organisation()
        first = live_grant(company.submit())
        company.purpose = purpose(company.owner, company.entitlement)
        live_grant(company.submit())
        company.purpose = purpose(company.owner, company.entitlement)
        company.submit()  # waits
        now = timezone.now()
        who, what = company.requester.pk, company.entitlement.pk
        both = [who, company.stranger.pk]
        assert leasing().unbroken(both, [what], now) == {(who, what): Unbroken(first.starts_at, 1)}
        assert leasing().unbroken([company.stranger.pk], [what], now) == {}
        assert leasing().unbroken([who], [what], first.starts_at - timedelta(seconds=1)) == {}

    def test_do_not_count_what_was_cancelled(self) -> None:
        company = Organisation()
        grant = live_grant(company.submit())
        Grant.objects.filter(pk=grant.pk).update(state=GrantState.CANCELLED, state_reason="Never mind")
        assert leasing().unbroken([company.requester.pk], [company.entitlement.pk], timezone.now()) == {}

    def test_are_read_in_one_query(self) -> None:
        company = Organisation()
        live_grant(company.submit())
        with CaptureQueriesContext(connection) as queries:
            leasing().unbroken([company.requester.pk], [company.entitlement.pk], timezone.now())
        assert len(queries) == 1

    def test_become_facts(self) -> None:
        company = Organisation()
        grant = live_grant(company.submit())
        now = timezone.now()
        asking = Asking(
            identity=company.requester,
            purpose=company.purpose,
            requester=company.requester,
            term=timedelta(hours=1),
            assurance=1,
            now=now,
        )
        found = gather_facts(asking, company.entitlement).access
        assert (found.continuous_since, found.renewals) == (grant.starts_at, 0)
        never = gather_facts(replace(asking, identity=company.stranger), company.entitlement).access
        assert (never.continuous_since, never.renewals) == (now, 0)
