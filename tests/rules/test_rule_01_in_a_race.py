"""Rule 1 while owners leave at the very moment in which something is made to rest on them."""

from functools import partial

import pytest

from governance.core.errors import Conflict
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership
from governance.identities.states import Status
from tests.builders import Organisation, person, purpose, step_ids
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, backed, begin, granted, leave, newcomer

pytestmark = pytest.mark.django_db(transaction=True)


def all_rest_on_somebody(org: Organisation) -> None:
    unended = Grant.objects.exclude(state__in=OVER)
    assert not unended.exclude(accountable_owner__state=Status.ACTIVE).exists()
    assert not Ownership.objects.filter(ends_at__isnull=True, identity__state=Status.ENDED).exists()


class TestAnOwnerWhoLeaves:
    @rounds
    def test_as_a_grant_is_made_answers_for_none_of_it(self, rounds: int) -> None:
        org = Organisation("manager")
        for seed in seeds(rounds):
            owner = person("Leaver", manager=org.boss)
            org.purpose = purpose(owner, org.entitlement)
            newcomer(org)
            step = step_ids(org.submit())[0]
            _, refused = split(at_once(partial(approve, step, org.manager), partial(leave, owner), seed=seed))
            assert not refused
            assert Grant.objects.get(identity=org.requester).accountable_owner == org.boss
            all_rest_on_somebody(org)

    @rounds
    def test_as_a_grant_begins_answers_for_none_of_it(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            owner = person("Leaver", manager=org.boss)
            org.purpose = purpose(owner, org.entitlement)
            newcomer(org)
            grant = granted(org)
            _, refused = split(at_once(partial(begin, grant), partial(leave, owner), seed=seed))
            assert not refused
            grant.refresh_from_db()
            assert (grant.state, grant.accountable_owner) == ("provisioning", org.boss)
            all_rest_on_somebody(org)

    @rounds
    def test_together_with_the_heir_passes_nothing_on_to_them(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            owner, backup = person("Leaver", manager=org.boss), person("Backup", manager=org.boss)
            org.purpose = purpose(owner, org.entitlement)
            backed(org.purpose, backup)
            newcomer(org)
            grant = granted(org)
            _, refused = split(at_once(partial(leave, owner), partial(leave, backup), seed=seed))
            for error in refused:
                assert isinstance(error, Conflict)
                leave(Identity.objects.exclude(state=Status.ENDED).get(pk__in=[owner.pk, backup.pk]))
            grant.refresh_from_db()
            assert grant.accountable_owner == org.boss
            all_rest_on_somebody(org)

    @rounds
    def test_and_holds_what_begins_holds_nothing_afterwards(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            leaver = newcomer(org)
            grant = granted(org)
            _, refused = split(at_once(partial(begin, grant), partial(leave, leaver), seed=seed))
            assert not refused
            grant.refresh_from_db()
            assert grant.state in {"cancelled", "revoking"}
