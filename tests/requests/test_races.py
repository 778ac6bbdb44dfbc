"""Requests that meet at the same moment."""

from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.core.errors import Invalid
from governance.requests.actions import renew, submit, submit_all
from governance.requests.models import AccessRequest
from governance.requests.rules import Renewal
from tests.builders import Organisation, actor, draft, live_grant
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import HOUR, newcomer

pytestmark = pytest.mark.django_db(transaction=True)


class TestSubmit:
    @rounds
    def test_of_one_form_twice_files_one_request(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            mine = actor(newcomer(org))
            wish = draft(org.requester, org.entitlement, org.purpose)
            send = partial(submit, draft=wish, actor=mine, now=timezone.now())
            filed, refused = split(at_once(send, send, send, seed=seed))
            assert not refused
            assert {request.pk for request in filed} == {AccessRequest.objects.get(requester=org.requester).pk}

    @rounds
    def test_of_two_forms_for_the_same_files_one_request(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            mine = actor(newcomer(org))
            wishes = [draft(org.requester, org.entitlement, org.purpose, form_token=uuid4()) for _ in range(2)]
            sends = [partial(submit, draft=wish, actor=mine, now=timezone.now()) for wish in wishes]
            filed, refused = split(at_once(*sends, seed=seed))
            assert len(filed) == 1
            assert [type(error) for error in refused] == [Invalid]
            assert str(filed[0]) in str(refused[0])

    @rounds
    def test_of_two_carts_that_overlap_files_one_of_them_whole(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            mine, mate = actor(newcomer(org)), org.requester
            org.requester = newcomer(org)
            both = [org.requester.pk, mate.pk]
            wishes = [draft(mate, org.entitlement, org.purpose, form_token=uuid4()).each(both) for _ in range(2)]
            sends = [partial(submit_all, drafts=wish, actor=mine, now=timezone.now()) for wish in wishes]
            filed, refused = split(at_once(*sends, seed=seed))
            assert [type(error) for error in refused] == [Invalid]
            ((one, other),) = filed
            assert set(AccessRequest.objects.filter(beneficiary__in=both)) == {one, other}


class TestRenew:
    @rounds
    def test_by_two_forms_files_one_request(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            mine = actor(newcomer(org))
            grant = live_grant(org.submit())
            wishes = [Renewal("The books are not done yet.", HOUR, None, uuid4()) for _ in range(2)]
            asks = [partial(renew, grant_id=grant.pk, renewal=wish, actor=mine, now=timezone.now()) for wish in wishes]
            filed, refused = split(at_once(*asks, seed=seed))
            assert [request.renews for request in filed] == [grant]
            assert [type(error) for error in refused] == [Invalid]
