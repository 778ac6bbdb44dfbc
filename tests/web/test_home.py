from __future__ import annotations

import time_machine
from django.urls import reverse
from django.utils import timezone

from governance.access.states import Observation
from governance.approvals import actions as approvals
from governance.approvals.states import Verdict
from governance.grants import actions
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit


class TestHome:
    def test_says_that_nothing_waits(self, org: Organisation, visit: Visit) -> None:
        assert "Nothing needs you today" in visit(org.stranger).get("/").content.decode()

    def test_leads_approvers_to_what_waits_for_them(self, org: Organisation, visit: Visit) -> None:
        step = builders.step_ids(org.submit())[0]
        text = visit(org.manager).get("/").content.decode()
        assert "One thing needs you" in text
        assert reverse("approval-detail", args=[step]) in text

    def test_leads_requesters_to_questions(self, org: Organisation, visit: Visit) -> None:
        request = org.submit()
        approvals.decide(
            step_id=builders.step_ids(request)[0],
            verdict=Verdict.RETURN,
            reason="Which books?",
            actor=builders.actor(org.manager),
            now=timezone.now(),
        )
        text = visit(org.requester).get("/").content.decode()
        assert "Manager asks about" in text
        assert "Which books?" in text

    def test_shows_each_lease_with_its_end(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit())
        text = visit(org.requester).get("/").content.decode()
        assert reverse("grant-detail", args=[grant.pk]) in text
        assert "1 lease, the next ends in 1 h 59 min" in text

    def test_tells_what_ended_apart_from_what_is_gone(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit())
        client = visit(org.requester)
        with time_machine.travel(grant.ends_at, tick=False):
            assert "Ended</span>" in client.get("/").content.decode()
            actions.expire_due(now=timezone.now())
            assert "Revoking, asked of the system" in client.get("/").content.decode()
            builders.see(grant, Observation.ABSENT)
            assert "Revoked, verified absent" in client.get("/").content.decode()

    def test_shows_the_machine_identities_one_answers_for(self, org: Organisation, visit: Visit) -> None:
        machine = builders.machine(org.requester)
        assert machine.name in visit(org.requester).get("/").content.decode()
        assert machine.name not in visit(org.stranger).get("/").content.decode()
