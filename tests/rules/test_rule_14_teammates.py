"""Rule 14. Whoever asks for a teammate learns nothing of what that one holds; their manager and they themselves do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from governance.catalog.models import Entitlement
from governance.core.errors import Invalid
from governance.grants.permissions import visible
from governance.identities.models import Identity
from governance.purposes.models import Justification
from governance.requests.actions import preview, submit
from governance.requests.models import AccessRequest
from governance.requests.queries import catalog_for, open_under
from governance.requests.suggesting import like, requestable_bundles, suggestions
from tests import builders
from tests.apart import kept_apart
from tests.api.conftest import Api, secret_for
from tests.builders import Organisation, actor, draft
from tests.leases import decided, newcomer, started
from tests.web.conftest import enter

pytestmark = pytest.mark.django_db

ALREADY = "can&#x27;t be asked for: Mate has it, or has asked for it, already."


class Team(Organisation):
    """The organisation with two people of one manager: a mate, who is asked for, and a peer, who asks."""

    def __init__(self) -> None:
        super().__init__()
        self.mate = newcomer(self, "Mate")
        self.peer = builders.person("Peer", manager=self.manager)
        self.mine = self.entitlement

    def also(self, **fields: Any) -> Entitlement:
        """Another entitlement that the purpose justifies."""
        made = builders.entitlement(self.system, self.owner, **fields)
        builders.keep(Justification(purpose=self.purpose, entitlement=made))
        return made

    def wish(self, what: Entitlement, **fields: Any) -> Any:
        return draft(self.mate, what, self.purpose, **fields)


@pytest.fixture
def team() -> Team:
    return Team()


def browser(who: Identity) -> Client:
    client = Client()
    assert who.user is not None
    enter(client, who.user)
    return client


def reads(team: Team, who: Identity, what: Entitlement) -> str:
    """All that page and API say to somebody who is about to ask for the mate."""
    form = {
        "token": str(uuid4()),
        "beneficiary": "mates",
        "mate": str(team.mate.pk),
        "entitlements": [str(what.pk)],
        "purpose": str(team.purpose.pk),
        "justification": "The books must balance by tonight.",
        "term": "7200",
    }
    client, api = browser(who), Api(secret_for(who))
    body = {
        "entitlements": form["entitlements"],
        "purpose": form["purpose"],
        "justification": form["justification"],
        "term_seconds": 7200,
    }
    said = [
        client.post("/requests/preview", form),
        client.post("/requests/new/", {**form, "step": "preview"}),
        api.post("/requests/preview", {**body, "beneficiary": str(team.mate.pk)}),
        api.post("/requests/carts/preview", {**body, "beneficiaries": [str(team.mate.pk)]}),
    ]
    assert {one.status_code for one in said} == {200}, [one.content for one in said]
    return "\n".join(one.content.decode() for one in said)


def shown(request: AccessRequest, who: Identity) -> str:
    """All that page and API say of a request that was sent."""
    said = [browser(who).get(f"/requests/{request.pk}/"), Api(secret_for(who)).get(f"/requests/{request.pk}")]
    assert {one.status_code for one in said} == {200}
    return "\n".join(one.content.decode() for one in said)


class TestATeammate:
    def test_is_told_that_it_is_taken_and_by_nothing_else(self, team: Team) -> None:
        grant = started(team)
        text = reads(team, team.peer, team.mine)
        assert text.count(ALREADY) == 2
        assert text.count("can't be asked for: Mate has it, or has asked for it, already.") == 2
        assert str(grant) not in text
        assert f"{grant} already leases" in reads(team, team.manager, team.mine)
        with pytest.raises(Invalid, match="or has asked for it, already"):
            submit(draft=team.wish(team.mine), actor=actor(team.peer), now=timezone.now())

    def test_is_told_of_no_request(self, team: Team) -> None:
        request = team.submit()
        assert f"{request} already" not in reads(team, team.peer, team.mine)
        own = preview(draft=team.wish(team.mine), actor=actor(team.mate), now=timezone.now())
        assert list(own.moot.values()) == [f"{request} already asks for {team.mine} for this purpose."]

    def test_finds_no_end_by_later_starts(self, team: Team) -> None:
        grant, now = started(team), timezone.now()
        later = team.wish(team.mine, starts_at=grant.ends_at + timedelta(days=1))
        assert preview(draft=later, actor=actor(team.peer), now=now).moot
        assert not preview(draft=later, actor=actor(team.manager), now=now).moot

    def test_is_told_by_no_item_that_was_leased_meanwhile(self, team: Team) -> None:
        request = submit(draft=team.wish(team.mine), actor=actor(team.peer), now=timezone.now())
        builders.adopted(team.account, team.mate, team.mine, team.purpose)
        decided(request, team.manager, team.owner)
        said = request.items.get().state_reason
        assert said == f"{team.mine} can't be asked for: Mate has it, or has asked for it, already."

    def test_is_named_the_rule_of_separation_alone(self, team: Team) -> None:
        pay = team.also(name="Pay the bills")
        key = kept_apart(team.mine, pay).key
        started(team, entitlement_ids=(pay.pk,))
        text = reads(team, team.peer, team.mine)
        assert (f"{key} keeps this apart" in text, "come together" in text, "(held)" in text) == (True, False, False)
        assert f"{pay} (held)" in reads(team, team.manager, team.mine)
        request = submit(draft=team.wish(team.mine), actor=actor(team.peer), now=timezone.now())
        text = shown(request, team.peer)
        assert (f"{key} keeps this apart" in text, str(pay) in text) == (True, False)
        assert f"{pay} (held)" in shown(request, team.mate)

    def test_is_told_no_risk_of_what_is_held(self, team: Team) -> None:
        factor, held = "other privileged access", team.also(privileged=True)
        started(team, entitlement_ids=(held.pk,))
        assert factor not in reads(team, team.peer, team.mine)
        assert factor in reads(team, team.manager, team.mine)
        request = submit(draft=team.wish(team.mine), actor=actor(team.peer), now=timezone.now())
        assert request.items.get().policy_decision.facts["risk"]["factors"][-1] == factor
        assert factor not in shown(request, team.peer)
        assert factor in shown(request, team.mate)

    def test_finds_nothing_left_out_of_lists(self, team: Team) -> None:
        started(team)
        catalog = catalog_for([team.mate], "")

        def listed(who: Identity) -> list[Entitlement]:
            now = timezone.now()
            return list(open_under(catalog, team.purpose, [team.mate], visible(actor(who), now), now))

        assert (listed(team.peer), listed(team.manager)) == ([team.mine], [])

    def test_compares_without_what_they_do_not_see(self, team: Team) -> None:
        started(team)
        mate = team.mate
        builders.account(team.peer, team.system)
        team.requester = team.peer
        started(team)
        now = timezone.now()
        assert [one.entitlement for one in like(team.peer, mate, actor(team.peer), now)] == [team.mine]
        assert like(team.peer, mate, actor(team.manager), now) == []

    def test_is_suggested_nothing_that_peers_hold(self, team: Team) -> None:
        job = {"department": "Claims", "title": "Handler"}
        for name in ("One", "Two", "Three"):
            newcomer(team, name)
            started(team)
        newcomer(team, "Four")
        Identity.objects.filter(manager=team.manager).exclude(pk=team.peer.pk).update(**job)
        mate, now = Identity.objects.get(pk=team.mate.pk), timezone.now()
        offered = requestable_bundles([mate], now)
        for who, many in ((team.peer, 0), (team.manager, 1), (mate, 1)):
            assert len(suggestions(mate, offered, actor(who), now)) == many
