from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.access.models import Account
from governance.approvals.models import ApprovalStep
from governance.grants.models import Grant
from governance.identities.states import Kind
from governance.purposes.states import PurposeState
from governance.requests.models import AccessRequest
from governance.requests.states import RequestState
from tests import builders
from tests.builders import Organisation
from tests.leases import ask_back, reject
from tests.web.conftest import Visit
from tests.web.scene import Scene

NEW = "/requests/new/"
SHAPE = "%Y-%m-%dT%H:%M"


def filled(org: Organisation, **changes: Any) -> dict[str, Any]:
    """A form that is right, except for the changes."""
    right = {
        "step": "send",
        "token": str(uuid4()),
        "beneficiary": "me",
        "entitlements": [str(org.entitlement.pk)],
        "purpose": str(org.purpose.pk),
        "justification": "The books must balance by tonight.",
        "term": "7200",
    }
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


def beside(response: Any, field: str) -> str:
    """The error that stands beside a field."""
    text: str = response.content.decode()
    start = text.index(f'id="id_{field}_error"')
    return text[start : text.index("</p>", start)]


@pytest.fixture
def requester(org: Organisation, visit: Visit) -> Client:
    return visit(org.requester)


class TestNew:
    def test_files_the_request_and_leads_to_it(self, org: Organisation, requester: Client) -> None:
        response = requester.post(NEW, filled(org), follow=True)
        filed = AccessRequest.objects.get()
        assert response.redirect_chain == [(reverse("request-detail", args=[filed.pk]), 302)]
        assert f"{filed} is filed." in response.content.decode()
        assert filed.term == timedelta(hours=2)

    def test_files_a_form_that_is_sent_twice_once(self, org: Organisation, requester: Client) -> None:
        form = filled(org)
        assert requester.post(NEW, form)["Location"] == requester.post(NEW, form)["Location"]
        assert AccessRequest.objects.count() == 1

    def test_asks_for_a_machine_identity_one_owns(self, org: Organisation, requester: Client) -> None:
        machine = builders.machine(org.requester)
        builders.account(machine, org.system)
        requester.post(NEW, filled(org, beneficiary="owned", identity=str(machine.pk)))
        assert AccessRequest.objects.get().beneficiary == machine

    def test_takes_an_end_instead_of_a_length(self, org: Organisation, requester: Client) -> None:
        end = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
        requester.post(NEW, filled(org, term="until", until=f"{end:{SHAPE}}"))
        assert AccessRequest.objects.get().wanted_until == end

    @pytest.mark.parametrize(
        ("field", "changes", "words"),
        [
            ("entitlements", {"entitlements": None}, "Choose at least one entitlement."),
            ("entitlements", {"entitlements": [str(uuid4())]}, "not in the catalog"),
            ("entitlements", {"entitlements": ["nonsense"]}, "not in the catalog"),
            ("purpose", {"purpose": None}, "Choose the purpose"),
            ("purpose", {"purpose": str(uuid4())}, "active purpose"),
            ("purpose", {"purpose": "nonsense"}, "active purpose"),
            ("justification", {"justification": None}, "Say why"),
            ("justification", {"justification": "ok"}, "Say why"),
            ("justification", {"justification": " " * 30}, "Say why"),
            ("term", {"term": None}, "Say for how long"),
            ("term", {"term": "7201"}, "Choose one of the terms."),
            ("term", {"term": "-7200"}, "Choose one of the terms."),
            ("until", {"term": "until"}, "Give the day and time"),
            ("until", {"term": "until", "until": "soon"}, "Give a day and a time"),
            ("until", {"term": "until", "until": "2020-01-01T00:00"}, "The end lies in the past."),
            ("beneficiary", {"beneficiary": "everybody"}, "You ask for yourself"),
            ("identity", {"beneficiary": "owned"}, "Choose the identity"),
            ("identity", {"beneficiary": "owned", "identity": str(uuid4())}, "machine identities that you own"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(
        self, org: Organisation, requester: Client, field: str, changes: dict[str, Any], words: str
    ) -> None:
        builders.machine(org.requester)
        response = requester.post(NEW, filled(org, **changes))
        assert response.status_code == 422
        assert words in beside(response, field)
        assert not AccessRequest.objects.exists()

    def test_refuses_an_end_beyond_the_cap_with_the_rule(self, org: Organisation, requester: Client) -> None:
        end = timezone.now() + timedelta(days=40)
        response = requester.post(NEW, filled(org, term="until", until=f"{end:{SHAPE}}"))
        assert response.status_code == 422
        assert "is leased for at most 30 days." in beside(response, "until")

    def test_refuses_a_purpose_that_does_not_justify(self, org: Organisation, requester: Client) -> None:
        other = builders.purpose(org.owner)
        response = requester.post(NEW, filled(org, purpose=str(other.pk)))
        assert response.status_code == 422
        assert f"Purpose {other.reference} does not justify {org.entitlement.name}." in beside(response, "entitlements")

    def test_refuses_a_purpose_that_is_over(self, org: Organisation, requester: Client) -> None:
        over = builders.purpose(org.owner, org.entitlement, state=PurposeState.RETIRED)
        assert "active purpose" in beside(requester.post(NEW, filled(org, purpose=str(over.pk))), "purpose")

    def test_refuses_somebody_elses_machine_identity(self, org: Organisation, requester: Client) -> None:
        builders.machine(org.requester)
        other = builders.machine(org.owner)
        builders.account(other, org.system)
        response = requester.post(NEW, filled(org, beneficiary="owned", identity=str(other.pk)))
        assert "machine identities that you own" in beside(response, "identity")

    def test_refuses_what_is_asked_for_already(self, org: Organisation, requester: Client) -> None:
        requester.post(NEW, filled(org))
        response = requester.post(NEW, filled(org))
        assert "already asks for" in beside(response, "entitlements")

    def test_keeps_what_was_written_when_it_refuses(self, org: Organisation, requester: Client) -> None:
        text = requester.post(NEW, filled(org, term=None)).content.decode()
        assert "The books must balance by tonight." in text
        assert f'value="{org.entitlement.pk}" checked' in text
        assert f'value="{org.purpose.pk}" checked' in text

    def test_needs_its_token(self, org: Organisation) -> None:
        client = Client(enforce_csrf_checks=True)
        assert org.requester.user is not None
        client.force_login(org.requester.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        assert client.post(NEW, filled(org)).status_code == 403
        assert not AccessRequest.objects.exists()


class TestWithoutScript:
    def test_a_search_redraws_the_page_keeps_choices_and_shows_no_error(
        self, org: Organisation, requester: Client
    ) -> None:
        other = builders.entitlement(org.system, org.owner, name="Something else")
        form = {"step": "search", "q": "else", "entitlements": [str(org.entitlement.pk)]}
        response = requester.post(NEW, form)
        text = response.content.decode()
        assert response.status_code == 200
        assert f'value="{org.entitlement.pk}" checked' in text
        assert str(other.pk) in text
        assert "aria-invalid" not in text

    def test_a_preview_draws_the_draft_and_files_nothing(self, org: Organisation, requester: Client) -> None:
        text = requester.post(NEW, filled(org, step="preview")).content.decode()
        assert "Policy allows this" in text
        assert "with two approvals." in text
        assert "<html" in text
        assert not AccessRequest.objects.exists()


class TestPreview:
    def test_is_a_fragment_with_verdict_steps_and_cap(self, org: Organisation, requester: Client) -> None:
        text = requester.post("/requests/preview", filled(org), headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in text
        for words in ("Policy allows this", "Manager", "Entitlement owner", "cap 30 days"):
            assert words in text

    def test_tells_warnings_and_not_what_is_only_recorded(self, org: Organisation, visit: Visit) -> None:
        builders.rule(deny=True, mode="warn", says="Careful.")
        builders.rule(deny=True, mode="record", says="On trial.")
        builders.rule(deny=True, mode="require_approval", says="Security decides.")
        filed = org.submit()
        step = ApprovalStep.objects.get(route__subject_id__in=filed.items.values("pk"), kind="manager")
        pages = [
            visit(org.requester).post("/requests/preview", filled(org)),
            visit(org.requester).get(f"/requests/{filed.pk}/"),
            visit(org.manager).get(f"/approvals/{step.pk}/"),
        ]
        for text in (page.content.decode() for page in pages):
            assert "<b>Warning.</b> Careful." in text
            assert "<b>Requires approval.</b> Security decides." in text
            assert "On trial." not in text
            assert "with a score of 35" in text
            assert "Reviewed at least every 90 days" in text
            assert "Entitlement of moderate risk +20, production +15" in text

    def test_says_what_would_have_to_change(self, org: Organisation, requester: Client) -> None:
        end = timezone.now() + timedelta(days=40)
        form = filled(org, term="until", until=f"{end:{SHAPE}}")
        text = requester.post("/requests/preview", form, headers={"HX-Request": "true"}).content.decode()
        assert "be sent as it stands" in text
        assert "is leased for at most 30 days." in text

    def test_says_when_a_term_would_end(self, org: Organisation, visit: Visit) -> None:
        noon = (timezone.now() + timedelta(days=1)).replace(hour=12, minute=5)
        with time_machine.travel(noon, tick=False):
            client = visit(org.requester)
            text = client.post("/requests/preview", filled(org)).content.decode()
            later = client.post("/requests/preview", filled(org, term="86400")).context["draft"].about
        assert 'Until about <span class="nowrap">14:05</span> if decided now' in text
        assert later == f"{(noon + timedelta(days=1)).day} {noon + timedelta(days=1):%b %Y} 12:05"

    def test_says_beside_the_term_that_it_is_too_long(self, org: Organisation, requester: Client) -> None:
        short = builders.entitlement(org.system, org.owner, name="Own the schema", longest_lease=timedelta(hours=8))
        why = builders.purpose(org.owner, short)
        form = filled(org, entitlements=[str(short.pk)], purpose=str(why.pk), term="86400")
        hint = "Too long. Own the schema is leased for at most 8 hours."
        for asked in (form, {**form, "justification": ""}):
            text = requester.post("/requests/preview", asked).content.decode()
            assert hint in text.partition('id="term-hint"')[2]
        assert "The longest lease allowed is 8 hours." in beside(requester.post(NEW, form), "term")
        assert hint not in requester.post("/requests/preview", {**form, "term": "7200"}).content.decode()

    def test_counts_the_approvals_of_each_of_several_items(self, org: Organisation, requester: Client) -> None:
        other = builders.entitlement(org.system, org.owner, name="Own the schema")
        why = builders.purpose(org.owner, org.entitlement, other)
        form = filled(org, entitlements=[str(org.entitlement.pk), str(other.pk)], purpose=str(why.pk))
        text = requester.post("/requests/preview", form).content.decode()
        assert "with two approvals for each item." in text
        assert 'class="route" aria-label="Own the schema"' in text

    def test_says_what_is_still_open(self, org: Organisation, requester: Client) -> None:
        form = filled(org, purpose=None, justification=None)
        text = requester.post("/requests/preview", form, headers={"HX-Request": "true"}).content.decode()
        assert "Still open: the purpose, why." in text

    def test_offers_the_purposes_that_fit_what_is_ticked(self, org: Organisation, requester: Client) -> None:
        other = builders.purpose(org.owner, name="Something else")
        text = requester.post("/requests/preview", filled(org, purpose=None)).content.decode()
        assert org.purpose.name in text
        assert other.name not in text

    def test_leaves_the_purposes_alone_while_nothing_else_is_ticked(self, org: Organisation, requester: Client) -> None:
        text = requester.post("/requests/preview", filled(org, fitting=str(org.entitlement.pk))).content.decode()
        assert 'id="purposes"' not in text

    def test_sends_a_visitor_whose_session_is_over_to_sign_in(self, org: Organisation) -> None:
        response = Client().post("/requests/preview", filled(org), headers={"HX-Request": "true"})
        assert response.headers["HX-Redirect"].startswith("/accounts/login/")


class TestHolder:
    def test_is_chosen_where_there_is_only_one(self, org: Organisation, requester: Client) -> None:
        machine = builders.machine(org.requester)
        assert f'value="{machine.pk}" selected' in requester.get(NEW).content.decode()
        builders.machine(org.requester)
        assert f'value="{machine.pk}" selected' not in requester.get(NEW).content.decode()

    def test_brings_its_catalog_and_names_what_it_can_not_hold(self, org: Organisation, requester: Client) -> None:
        machine = builders.machine(org.requester)
        builders.account(machine, org.system)
        people = [Kind.PERSON]
        own = builders.entitlement(org.system, org.owner, name="Own the schema", allowed_kinds=people)
        changes = {"beneficiary": "owned", "identity": str(machine.pk), "entitlements": [str(own.pk)]}
        form = filled(org, catalog_for=str(org.requester.pk), **changes)
        text = requester.post("/requests/preview", form, headers={"HX-Request": "true"}).content.decode()
        _, swapped, catalog = text.partition('<div id="catalog" hx-swap-oob="innerHTML">')
        assert swapped
        assert str(own.pk) not in catalog
        assert str(org.entitlement.pk) in catalog
        assert "Own the schema is not open to a service account." in text
        assert "Own the schema is not open to a service account." in beside(requester.post(NEW, form), "entitlements")

    def test_leaves_the_catalog_alone_while_it_is_the_same(self, org: Organisation, requester: Client) -> None:
        form = filled(org, catalog_for=f"{org.requester.pk}:{org.purpose.pk}")
        assert 'id="catalog"' not in requester.post("/requests/preview", form).content.decode()


class TestUnreadable:
    """A NUL, which no text of the database can hold."""

    @pytest.mark.parametrize("path", ["/requests/catalog", "/requests/", "/grants/", "/approvals/"])
    def test_words_find_nothing(self, requester: Client, path: str) -> None:
        assert requester.get(path, {"q": "\0"}).status_code == 200

    @pytest.mark.parametrize("step", ["search", "preview"])
    def test_words_in_the_form_find_nothing(self, org: Organisation, requester: Client, step: str) -> None:
        assert requester.post(NEW, filled(org, step=step, q="\0")).status_code == 200

    @pytest.mark.parametrize("field", ["justification", "purpose", "identity", "entitlements", "term", "token"])
    def test_field_is_refused(self, org: Organisation, requester: Client, field: str) -> None:
        form = filled(org, beneficiary="owned", **{field: "\0" * 30})
        assert requester.post(NEW, form).status_code == 422
        assert requester.post("/requests/preview", form).status_code == 200


class TestCatalog:
    def test_has_what_the_holder_could_be_leased_and_nothing_else(self, org: Organisation, requester: Client) -> None:
        elsewhere = builders.entitlement(builders.system(org.owner), org.owner)
        text = requester.get("/requests/catalog", {"q": ""}, headers={"HX-Request": "true"}).content.decode()
        assert org.entitlement.name in text
        assert str(elsewhere.pk) not in text
        assert not Account.objects.filter(identity=org.requester, system=elsewhere.system).exists()


class TestDetail:
    @pytest.fixture
    def asked(self, org: Organisation) -> AccessRequest:
        """A request that has come back with a question."""
        request = org.submit()
        ask_back(builders.step_ids(request)[0], org.manager)
        return request

    def test_shows_the_question_and_takes_the_answer(self, asked: AccessRequest, requester: Client) -> None:
        address = reverse("request-detail", args=[asked.pk])
        text = requester.get(address).content.decode()
        assert "Manager asks" in text
        question = text.partition('name="question" value="')[2].partition('"')[0]
        requester.post(f"{address}answer", {"question": question, "answer": "The ledger."})
        assert AccessRequest.objects.get().state == RequestState.IN_REVIEW
        assert "Requester answers" in requester.get(address).content.decode()

    def test_says_beside_the_answer_that_it_is_empty(self, asked: AccessRequest, requester: Client) -> None:
        address = reverse("request-answer", args=[asked.pk])
        response = requester.post(address, {"question": str(uuid4()), "answer": " "})
        assert response.status_code == 422
        assert "Write an answer" in beside(response, "answer")

    def test_knows_no_question_that_is_made_up(self, asked: AccessRequest, requester: Client) -> None:
        address = reverse("request-answer", args=[asked.pk])
        assert requester.post(address, {"question": str(uuid4()), "answer": "The ledger."}).status_code == 404

    def test_is_withdrawn_on_a_page_of_its_own_without_script(self, asked: AccessRequest, requester: Client) -> None:
        address = reverse("request-withdraw", args=[asked.pk])
        assert "Nobody is asked any more" in requester.get(address).content.decode()
        requester.post(address, {"reason": ""})
        assert AccessRequest.objects.get().state == RequestState.WITHDRAWN

    def test_says_when_it_was_withdrawn_already(self, asked: AccessRequest, requester: Client) -> None:
        address = reverse("request-withdraw", args=[asked.pk])
        requester.post(address, {})
        response = requester.post(address, {})
        assert response.status_code == 409
        assert "is withdrawn already" in response.content.decode()

    def test_says_once_that_it_was_withdrawn(self, asked: AccessRequest, requester: Client) -> None:
        requester.post(reverse("request-withdraw", args=[asked.pk]), {"reason": ""})
        response = requester.get(reverse("request-detail", args=[asked.pk]))
        assert [item.reason for item in response.context["access_request"].items] == [""]
        last = response.context["chain"][-1]
        assert (last.title, last.text, last.quote) == ("Withdrawn by Requester", "", "")

    def test_is_withdrawn_by_whoever_asked_or_would_hold_it_alone(self, db: None, visit: Visit) -> None:
        scene = Scene()
        address = reverse("request-detail", args=[scene.waiting.pk])
        for relation in ("requester", "holder"):
            assert "withdraw" in visit(scene.people[relation]).get(address).content.decode()
        assert "withdraw" not in visit(scene.people["approver"]).get(address).content.decode()

    def test_says_what_policy_said_item_by_item(self, org: Organisation, requester: Client) -> None:
        other = builders.entitlement(org.system, org.owner, name="Read the archive")
        why = builders.purpose(org.owner, org.entitlement, other)
        request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk), purpose_id=why.pk)
        shown = requester.get(reverse("request-detail", args=[request.pk])).context["access_request"]
        assert {policy.name for policy in shown.policies} == {org.entitlement.name, "Read the archive"}
        single = requester.get(reverse("request-detail", args=[org.submit().pk])).context["access_request"]
        assert [policy.name for policy in single.policies] == [""]

    def test_says_how_it_was_decided(self, org: Organisation, requester: Client) -> None:
        request = org.submit()
        reject(builders.step_ids(request)[0], org.manager, reason="Not now.")
        text = requester.get(reverse("request-detail", args=[request.pk])).content.decode()
        assert "Decided: rejected" in text
        assert "Manager of Requester" in text

    def test_has_a_route_for_each_of_several_items(self, org: Organisation, requester: Client) -> None:
        other = builders.entitlement(org.system, org.owner, name="Read the archive")
        why = builders.purpose(org.owner, org.entitlement, other)
        request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk), purpose_id=why.pk)
        response = requester.get(reverse("request-detail", args=[request.pk]))
        routes = response.context["access_request"].routes
        assert {route.name for route in routes} == {org.entitlement.name, "Read the archive"}
        assert [len(route.steps) for route in routes] == [2, 2]
        assert 'class="route" aria-label="Read the archive"' in response.content.decode()

    def test_leads_to_the_grant(self, org: Organisation, requester: Client) -> None:
        request = org.submit()
        builders.approve_all(request)
        text = requester.get(reverse("request-detail", args=[request.pk])).content.decode()
        assert reverse("grant-detail", args=[Grant.objects.get().pk]) in text


class TestList:
    def test_finds_by_every_word_and_by_state(self, org: Organisation, requester: Client) -> None:
        request = org.submit()
        for query in ("role books", str(request), request.purpose.reference):
            assert str(request) in requester.get("/requests/", {"q": query}).content.decode()
        assert "Nothing matches." in requester.get("/requests/", {"q": "nothing like it"}).content.decode()
        assert "Nothing matches." in requester.get("/requests/", {"state": "decided"}).content.decode()

    def test_says_beside_a_filter_that_it_is_unknown(self, requester: Client) -> None:
        text = requester.get("/requests/", {"state": "lost"}).content.decode()
        assert "Choose one that is offered." in text

    def test_knows_no_place_that_is_made_up(self, requester: Client) -> None:
        assert requester.get("/requests/", {"after": "nonsense"}).status_code == 404
