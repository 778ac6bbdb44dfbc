"""Requests that meet at the same moment."""

from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.core.errors import Invalid
from governance.requests.actions import submit
from governance.requests.models import AccessRequest
from tests.builders import Organisation, actor, draft
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import newcomer

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
