from datetime import timedelta

import pytest
from django.utils import timezone

from governance.approvals.actions import decide
from governance.approvals.states import Verdict
from governance.grants.actions import activate, expire_due
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.requests.states import RequestState
from tests.builders import Organisation, actor, step_ids

pytestmark = pytest.mark.django_db


class TestSubmit:
    def test_whole_way(self) -> None:
        org = Organisation()
        request = org.submit()
        assert request.state == RequestState.IN_REVIEW
        first, second = step_ids(request)
        decide(step_id=first, verdict=Verdict.APPROVE, reason="ok", actor=actor(org.manager), now=timezone.now())
        decide(step_id=second, verdict=Verdict.APPROVE, reason="ok", actor=actor(org.owner), now=timezone.now())
        request.refresh_from_db()
        assert request.state == RequestState.DECIDED
        grant = Grant.objects.get()
        assert grant.state == GrantState.APPROVED
        now = timezone.now()
        grant = activate(grant_id=grant.pk, now=now)
        assert grant.state == GrantState.PROVISIONING
        assert grant.ends_at == now + timedelta(hours=2)
        assert grant.assignment is not None
        assert expire_due(now=grant.ends_at) == 1
        grant.refresh_from_db()
        assert grant.state == GrantState.REVOKING
