"""How long people wait, measured from what was recorded."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.analysis import permissions
from governance.analysis.speed import Distribution, distributions
from governance.core.actor import Actor, Role
from governance.core.errors import NotFound
from governance.grants.actions import activate
from governance.grants.models import Grant
from governance.requests.actions import withdraw
from tests.builders import Organisation, actor, entitlement, person, see, step_ids, system
from tests.leases import HOUR, decided, newcomer, reject
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def auditor() -> Actor:
    return actor(person("Auditor"), Role.AUDITOR)


def waited(org: Organisation, decision: timedelta, fulfilment: timedelta | None = None) -> Grant:
    """Somebody asks now, and waits so long for the decision, and for the access."""
    newcomer(org)
    start = timezone.now()
    request = decided(org.submit(now=start), org.manager, org.owner, now=start + decision)
    grant = Grant.objects.get(source_id=request.items.get().pk)
    if fulfilment is not None:
        grant = activate(grant_id=grant.pk, now=start + decision)
        see(grant, now=start + fulfilment)
    return grant


def measured(by: Actor, since: datetime | None = None, until: datetime | None = None) -> list[Distribution]:
    now = timezone.now()
    whose = permissions.measurable(by, now)
    return list(distributions(since or now - DAY, until or now + 30 * DAY, now, entitlements=whose))


def one(found: list[Distribution], measure: str, by: str = "all") -> Distribution:
    (only,) = [each for each in found if (each.measure, each.by) == (measure, by)]
    return only


class TestDistributions:
    def test_tell_the_median_the_ninetieth_and_the_spread(self, org: Organisation) -> None:
        for hours in (0.5, 2, 10):
            waited(org, hours * HOUR)
        found = one(measured(auditor()), "decision")
        assert (found.count, found.buckets) == (3, (1, 1, 1, 0, 0, 0))
        assert abs(found.median - 2 * HOUR) < timedelta(seconds=2)
        assert abs(found.ninetieth - 8.4 * HOUR) < timedelta(seconds=2)

    def test_measure_fulfilment_to_the_proof(self, org: Organisation) -> None:
        waited(org, HOUR, 1.5 * HOUR)
        waited(org, HOUR)
        found = measured(auditor())
        fulfilled = one(found, "fulfilment")
        assert fulfilled.count == 1
        assert abs(fulfilled.median - 1.5 * HOUR) < timedelta(seconds=2)
        assert one(found, "decision").count == 2

    def test_measure_fulfilment_from_the_start_that_was_asked_for(self, org: Organisation) -> None:
        start = timezone.now()
        request = decided(org.submit(now=start, starts_at=start + 20 * DAY), org.manager, org.owner, now=start + HOUR)
        grant = Grant.objects.get(source_id=request.items.get().pk)
        grant = activate(grant_id=grant.pk, now=start + 20 * DAY)
        see(grant, now=start + 20 * DAY + 2 * HOUR)
        found = measured(auditor())
        assert abs(one(found, "fulfilment").median - 2 * HOUR) < timedelta(seconds=2)
        assert abs(one(found, "decision").median - HOUR) < timedelta(seconds=2)

    def test_count_no_less_than_nothing(self, org: Organisation) -> None:
        grant = waited(org, HOUR, 2 * HOUR)
        later = timezone.now() + 5 * HOUR
        run("UPDATE governance_accessrequest SET starts_at = %s WHERE beneficiary_id = %s", later, grant.identity_id)
        assert one(measured(auditor()), "fulfilment").median == timedelta()

    def test_are_told_by_system_owner_and_risk(self, org: Organisation) -> None:
        waited(org, HOUR)
        found = measured(auditor())
        names = {by: one(found, "decision", by).name for by in ("system", "owner", "risk")}
        assert names == {"system": org.system.name, "owner": "Owner", "risk": "moderate"}
        assert one(found, "decision", "system").id == org.system.pk

    def test_count_what_came_to_an_answer_in_the_period(self, org: Organisation) -> None:
        start = timezone.now()
        request = org.submit(now=start)
        reject(step_ids(request)[0], org.manager, now=start + 2 * HOUR)
        at = start + 2 * HOUR
        assert one(measured(auditor(), since=at), "decision").count == 1
        assert measured(auditor(), until=at) == []
        assert measured(auditor(), since=at + timedelta(microseconds=1)) == []

    def test_leave_out_what_was_taken_back_or_answered_by_policy(self, org: Organisation) -> None:
        request = org.submit()
        withdraw(request_id=request.pk, actor=actor(org.requester), reason="", now=timezone.now())
        assert measured(auditor()) == []

    def test_take_one_query_whatever_there_is(self, org: Organisation) -> None:
        taken = []
        for _ in range(2):
            waited(org, HOUR, 2 * HOUR)
            with CaptureQueriesContext(connection) as queries:
                distributions(timezone.now() - DAY, timezone.now() + DAY, timezone.now(), entitlements=None)
            taken.append(len(queries))
        assert taken == [1, 1]


class TestWhoSees:
    def test_those_who_oversee_see_all(self, org: Organisation) -> None:
        assert permissions.measurable(auditor(), timezone.now()) is None

    def test_an_owner_sees_what_they_own(self, org: Organisation) -> None:
        waited(org, HOUR)
        assert one(measured(actor(org.owner)), "decision").count == 1
        elsewhere = entitlement(system(org.backup), org.backup)
        assert permissions.measurable(actor(org.backup), timezone.now()) == frozenset({elsewhere.pk})
        assert measured(actor(org.backup)) == []

    def test_the_owner_of_a_system_sees_what_stands_in_it(self, org: Organisation) -> None:
        theirs = system(org.stranger)
        inside = entitlement(theirs, org.owner)
        assert permissions.measurable(actor(org.stranger), timezone.now()) == frozenset({inside.pk})

    def test_nobody_else_sees_any(self, org: Organisation) -> None:
        with pytest.raises(NotFound):
            permissions.measurable(actor(org.requester), timezone.now())
