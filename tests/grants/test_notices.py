"""Who is told what of a lease, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.grants.actions import tell_ended
from governance.notifications.models import Notification
from governance.notifications.states import Topic
from tests.builders import Organisation, account, actor, machine
from tests.leases import active, begin, give_back, granted, take_away, work
from tests.provisioning.things import Scripted
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def told(title: str) -> set[str]:
    """The names of those who were told so."""
    return set(Notification.objects.filter(title__endswith=title).values_list("recipient__name", flat=True))


def test_whoever_asked_learns_that_the_access_stands(org: Organisation, memory: Scripted) -> None:
    grant = begin(granted(org))
    assert not told("is ready to use")
    work()
    assert told("is ready to use") == {"Requester"}
    assert Notification.objects.get(topic=Topic.OUTCOME, subject_id=grant.pk).body.startswith(f"{grant} of Requester")


def test_whoever_asked_learns_that_nothing_came_of_it(org: Organisation) -> None:
    grant = granted(org)
    run("UPDATE governance_account SET identity_id = NULL")
    begin(grant)
    assert told("was not given") == {"Requester"}


class TestAnEnd:
    def test_is_told_to_holder_and_owner_once(self, org: Organisation, memory: Scripted) -> None:
        grant = give_back(active(org))
        for _ in range(2):
            tell_ended(now=timezone.now())
        assert told("has ended") == {"Requester", "Owner"}
        said = Notification.objects.filter(subject_id=grant.pk, topic=Topic.END)
        assert said.count() == 2
        assert all("Done" in one.body for one in said)

    def test_of_a_machine_is_told_to_whoever_asked_for_it(self, org: Organisation, memory: Scripted) -> None:
        robot = machine(org.requester)
        account(robot, org.system)
        grant = active(org, beneficiary_id=robot.pk)
        take_away(grant, actor(org.owner))
        tell_ended(now=timezone.now())
        assert told("has ended") == {"Requester", "Owner"}

    def test_of_long_ago_is_not_told(self, org: Organisation, memory: Scripted) -> None:
        give_back(active(org))
        tell_ended(now=timezone.now() + 2 * DAY)
        assert not told("has ended")

    def test_is_not_told_of_what_goes_on(self, org: Organisation, memory: Scripted) -> None:
        active(org)
        tell_ended(now=timezone.now())
        assert not told("has ended")
