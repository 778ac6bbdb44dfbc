"""Asking on the page for several, by bundles, for later and like a colleague; forms that are put aside."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.identities.models import Identity
from governance.requests import rules
from governance.requests.models import AccessRequest, RequestDraft
from tests import builders, changing
from tests.builders import Organisation
from tests.web.conftest import Visit
from tests.web.test_requests import NEW, SHAPE, beside, filled


@pytest.fixture
def requester(org: Organisation, visit: Visit) -> Client:
    return visit(org.requester)


class TestSeveral:
    @pytest.fixture
    def mate(self, org: Organisation) -> Identity:
        found = builders.person("Mate", manager=org.manager)
        builders.account(found, org.system)
        return found

    def test_are_asked_for_by_one_form(self, org: Organisation, requester: Client, mate: Identity) -> None:
        response = requester.post(NEW, filled(org, beneficiary=["me", "mates"], mate=[str(mate.pk)]), follow=True)
        filed = AccessRequest.objects.order_by("number")
        assert {request.beneficiary for request in filed} == {org.requester, mate}
        assert response.redirect_chain == [("/requests/", 302)]
        text = requester.get(reverse("request-detail", args=[filed[0].pk])).content.decode()
        assert f">{filed[1]}</a>" in text.partition("Asked with it")[2]

    def test_are_foreseen_each(self, org: Organisation, requester: Client, mate: Identity) -> None:
        newcomer = builders.person("Newcomer", manager=org.manager)
        form = filled(org, beneficiary=["me", "mates"], mate=[str(mate.pk)])
        draft = requester.post("/requests/preview", form).context["draft"]
        assert {(one.holder, one.tone) for one in draft.outcomes} == {("Requester", "ok"), ("Mate", "ok")}
        text = requester.post(NEW, {**form, "mate": [str(mate.pk), str(newcomer.pk)]}).content.decode()
        assert f"Newcomer has no account on {org.system.name}" in text
        assert not AccessRequest.objects.exists()

    def test_are_teammates_and_nobody_else(self, org: Organisation, requester: Client, mate: Identity) -> None:
        response = requester.post(NEW, filled(org, beneficiary=["mates"], mate=[str(org.stranger.pk)]))
        assert "people of your manager" in beside(response, "mate")

    def test_share_a_catalog(self, org: Organisation, requester: Client, mate: Identity) -> None:
        other = builders.system(org.owner)
        builders.account(org.requester, other)
        mine = builders.entitlement(other, org.owner)
        assert str(mine.pk) in requester.get("/requests/catalog", {"q": ""}).content.decode()
        asked = {"q": "", "beneficiary": ["me", "mates"], "mate": [str(mate.pk)]}
        text = requester.get("/requests/catalog", asked).content.decode()
        assert str(mine.pk) not in text
        assert str(org.entitlement.pk) in text

    def test_find_what_the_purpose_may_justify(self, org: Organisation, requester: Client) -> None:
        other = builders.entitlement(org.system, org.owner)
        text = requester.get("/requests/catalog", {"q": "", "purpose": str(org.purpose.pk)}).content.decode()
        assert str(org.entitlement.pk) in text
        assert str(other.pk) not in text


class TestBundles:
    def test_bring_what_they_hold(self, org: Organisation, requester: Client) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger)
        assert bundle.name in requester.get(NEW).content.decode()
        requester.post(NEW, filled(org, entitlements=None, bundles=[str(bundle.pk)]))
        item = AccessRequest.objects.get().items.get()
        assert (item.entitlement, item.bundle_version) == (org.entitlement, bundle.versions.get())

    def test_are_suggested_first_with_the_reason(self, org: Organisation, requester: Client) -> None:
        changing.bundle(org.entitlement, org.owner, org.stranger, key="anybody")
        fits = "identity.kind == 'person'"
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger, key="fitting", criteria=fits)
        first, second = requester.get(NEW).context["bundles"]
        assert (first.label, first.why) == (bundle.name, "Its criteria are true of Requester.")
        assert second.why == ""
        text = requester.get(NEW).content.decode()
        assert "<b>Suggested.</b> Its criteria are true of Requester." in text

    def test_that_bring_too_much_are_refused_in_words(
        self, org: Organisation, requester: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger)
        monkeypatch.setattr(rules, "MOST_IN_ALL", 0)
        form = filled(org, entitlements=None, bundles=[str(bundle.pk)])
        assert "One form makes 0 items at most" in requester.post("/requests/preview", form).content.decode()
        assert "One form makes 0 items at most" in beside(requester.post(NEW, form), "bundles")


class TestLater:
    def test_is_asked_for_with_a_start(self, org: Organisation, requester: Client) -> None:
        start = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
        requester.post(NEW, filled(org, starts_at=f"{start:{SHAPE}}"))
        assert AccessRequest.objects.get().starts_at == start

    def test_is_refused_in_the_past(self, org: Organisation, requester: Client) -> None:
        response = requester.post(NEW, filled(org, starts_at="2020-01-01T00:00"))
        assert "The start lies in the past." in beside(response, "starts_at")


class TestDrafts:
    def kept(self, org: Organisation, requester: Client, **changes: Any) -> RequestDraft:
        requester.post(NEW, filled(org, step="keep", **changes))
        return RequestDraft.objects.get()

    def test_are_kept_as_far_as_they_go_and_come_back_to(self, org: Organisation, requester: Client) -> None:
        draft = self.kept(org, requester, purpose=None, term=None)
        assert not AccessRequest.objects.exists()
        text = requester.get(NEW, {"draft": str(draft.pk)}).content.decode()
        assert "The books must balance by tonight." in text
        assert f'value="{org.entitlement.pk}" checked' in text
        assert "aria-invalid" not in text

    def test_are_sent_with_the_form(self, org: Organisation, requester: Client) -> None:
        draft = self.kept(org, requester)
        requester.post(NEW, filled(org, draft=str(draft.pk)))
        draft.refresh_from_db()
        assert draft.state == "sent"

    def test_are_discarded(self, org: Organisation, requester: Client) -> None:
        draft = self.kept(org, requester)
        requester.post(reverse("request-draft-discard", args=[draft.pk]))
        assert requester.get(NEW, {"draft": str(draft.pk)}).status_code == 404

    @pytest.mark.parametrize("step", ["send", "keep"])
    def test_that_were_closed_elsewhere_lose_no_word(self, org: Organisation, requester: Client, step: str) -> None:
        draft = self.kept(org, requester)
        requester.post(reverse("request-draft-discard", args=[draft.pk]))
        form = filled(org, step=step, draft=str(draft.pk), justification="Newer words that nobody has kept.")
        response = requester.post(NEW, form)
        text = response.content.decode()
        assert response.status_code == 409
        assert "This draft is discarded already." in text
        assert "Newer words that nobody has kept." in text
        assert f'value="{org.entitlement.pk}" checked' in text
        assert str(draft.pk) not in text
        assert requester.post(NEW, {**form, "draft": response.context["resumed"]}).status_code == 302
        assert (AccessRequest.objects.count(), RequestDraft.objects.count()) == ((1, 1) if step == "send" else (0, 2))

    def test_are_nobody_elses(self, org: Organisation, requester: Client, visit: Visit) -> None:
        draft = self.kept(org, requester)
        assert visit(org.manager).get(NEW, {"draft": str(draft.pk)}).status_code == 404
        assert requester.get(NEW, {"draft": "nonsense"}).status_code == 404


class TestLike:
    def test_takes_what_is_missing_into_a_request(self, org: Organisation, visit: Visit) -> None:
        builders.live_grant(org.submit())
        old, new = org.requester, builders.person("New", manager=org.manager)
        builders.account(new, org.system)
        client = visit(org.manager)
        page = client.get("/requests/like", {"colleague": str(old.pk), "beneficiary": str(new.pk)})
        assert [(row.name, row.closed) for row in page.context["found"].rows] == [(org.entitlement.name, "")]
        form: dict[str, Any] = {
            "step": "search",
            "beneficiary": "mates",
            "mate": str(new.pk),
            "entitlements": [str(org.entitlement.pk)],
        }
        response = client.post(NEW, form)
        assert f'value="{org.entitlement.pk}" checked' in response.content.decode()
        drawn = response.context["form"]
        form |= {
            "step": "send",
            "token": drawn.said("token"),
            "purpose": str(org.purpose.pk),
            "justification": "The books must balance by tonight.",
            "term": "7200",
        }
        assert f'name="token" value="{form["token"]}"' in response.content.decode()
        assert client.post("/requests/preview", form).context["draft"].headline == "Policy allows this"
        client.post(NEW, form)
        assert AccessRequest.objects.filter(beneficiary=new, form_token=form["token"]).exists()

    def test_tells_nobody_what_they_may_not_see(self, org: Organisation, visit: Visit) -> None:
        builders.live_grant(org.submit())
        asked = {"colleague": str(org.requester.pk), "beneficiary": str(org.stranger.pk)}
        assert visit(org.stranger).get("/requests/like", asked).context["found"] is None
