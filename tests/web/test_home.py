from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import time_machine
from django.urls import reverse
from django.utils import timezone

from governance.access.states import Observation
from governance.grants import actions
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.rules import Renewal
from tests import builders
from tests.builders import Organisation
from tests.leases import ask_back, reject
from tests.web.conftest import Visit
from tests.web.scene import Scene


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
        ask_back(builders.step_ids(request)[0], org.manager)
        text = visit(org.requester).get("/").content.decode()
        assert "Manager asks about" in text
        assert "Which books?" in text

    def test_shows_each_lease_with_its_end(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit())
        text = visit(org.requester).get("/").content.decode()
        assert reverse("grant-detail", args=[grant.pk]) in text
        assert "1 lease, the next ends in 1 h 59 min" in text

    def test_leads_to_the_renewal_of_what_ends_soon(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit(term=timedelta(days=7)))
        (task,) = visit(org.requester).get("/").context["due"]
        assert task.text.endswith("Renew it to keep it.")
        assert (task.url, task.verb) == (reverse("grant-renew", args=[grant.pk]), "Renew it")

    def test_asks_nobody_to_renew_what_they_may_not(self, org: Organisation, visit: Visit) -> None:
        far = timezone.now() + timedelta(days=365)
        org.requester = builders.person("Vendor", kind="external", manager=org.manager, ends_at=far)
        builders.owned(org.requester, org.owner)
        builders.account(org.requester, org.system)
        grant = builders.live_grant(org.submit(term=timedelta(days=7)))
        (task,) = visit(org.owner).get("/").context["due"]
        assert (task.url, task.verb) == (reverse("grant-detail", args=[grant.pk]), "See grant")
        assert "enew" not in task.text

    def test_asks_nobody_to_renew_what_goes_on(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit(term=timedelta(days=7)))
        said = Renewal("The books are not done yet.", timedelta(days=7), None, uuid4())
        mine = builders.actor(org.requester)
        request = requests.renew(grant_id=grant.pk, renewal=said, actor=mine, now=timezone.now())
        assert visit(org.requester).get("/").context["due"]
        builders.approve_all(request)
        assert not visit(org.requester).get("/").context["due"]

    def test_tells_what_ended_apart_from_what_is_gone(self, org: Organisation, visit: Visit) -> None:
        grant = builders.live_grant(org.submit())
        client = visit(org.requester)
        with time_machine.travel(grant.ends_at, tick=False):
            assert "Ended</span>" in client.get("/").content.decode()
            actions.expire_due(now=timezone.now())
            assert "Revoking, asked of the system" in client.get("/").content.decode()
            builders.see(grant, Observation.ABSENT)
            assert "Revoked, verified absent" in client.get("/").content.decode()

    def test_keeps_what_was_rejected_or_withdrawn_in_sight_with_the_reason(
        self, org: Organisation, visit: Visit
    ) -> None:
        rejected = org.submit()
        reject(builders.step_ids(rejected)[0], org.manager, reason="Not in the week of the close.")
        withdrawn = org.submit()
        requests.withdraw(request_id=withdrawn.pk, actor=builders.actor(org.requester), reason="", now=timezone.now())
        client = visit(org.requester)
        decided = {line.ref: line for line in client.get("/").context["decided"]}
        assert decided[str(rejected)].state == "decided_rejected"
        assert decided[str(rejected)].why == "Not in the week of the close."
        assert (decided[str(withdrawn)].state, decided[str(withdrawn)].why) == ("withdrawn", "")
        assert "Not in the week of the close." in client.get("/").content.decode()
        with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
            assert not visit(org.requester).get("/").context["decided"]

    def test_shows_the_holder_what_became_of_a_request_of_others(self, db: None, visit: Visit) -> None:
        scene = Scene()
        holder = scene.people["holder"]
        shown = visit(holder).get("/").context
        assert {line.ref for line in shown["requests"]} == {str(scene.waiting), str(scene.returned)}
        assert len(shown["decided"]) == 2

    def test_says_why_a_lease_ended(self, org: Organisation, visit: Visit) -> None:
        over, revoked, given_back = (builders.live_grant(self._other(org)) for _ in range(3))
        now = timezone.now()
        owner, holder = builders.actor(org.owner), builders.actor(org.requester)
        actions.revoke(grant_id=revoked.pk, actor=owner, reason="The project is over.", now=now)
        actions.hand_back(grant_id=given_back.pk, actor=holder, reason="", now=now)
        with time_machine.travel(over.ends_at, tick=False):
            actions.expire_due(now=timezone.now())
            ended = {line.url: line.cause for line in visit(org.requester).get("/").context["ended"]}
        assert ended == {
            reverse("grant-detail", args=[over.pk]): "The term was over.",
            reverse("grant-detail", args=[revoked.pk]): "Ended early by Owner: The project is over.",
            reverse("grant-detail", args=[given_back.pk]): "Ended early by you: Handed back",
        }

    def _other(self, org: Organisation) -> AccessRequest:
        """A request of another entitlement than all before."""
        other = builders.entitlement(org.system, org.owner)
        why = builders.purpose(org.owner, other)
        return org.submit(entitlement_ids=(other.pk,), purpose_id=why.pk)

    def test_tells_owner_from_backup_owner(self, org: Organisation, visit: Visit) -> None:
        own = builders.machine(org.requester, backup=org.owner, name="z-own")
        stand_in = builders.machine(org.owner, backup=org.requester, name="a-stand-in")
        parts = visit(org.requester).get("/").context["owned"]
        assert [(part.label, [who.name for who in part.identities]) for part in parts] == [
            ("As owner", [own.name]),
            ("As backup owner", [stand_in.name]),
        ]

    def test_shows_the_machine_identities_one_answers_for(self, org: Organisation, visit: Visit) -> None:
        machine = builders.machine(org.requester)
        assert machine.name in visit(org.requester).get("/").content.decode()
        assert machine.name not in visit(org.stranger).get("/").content.decode()
