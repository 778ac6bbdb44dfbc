"""What a survey has found, as people see it and deal with it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from governance.analysis import actions
from governance.analysis.models import RoleSuggestion, StaleFinding, Survey
from governance.analysis.states import ROLES, FoundState, Stale, SurveyState
from governance.core.actor import Role
from governance.notifications.models import Notification
from tests import builders, changing
from tests.analysis.surveying import SYSTEM, a_finding, a_role, found_by_now
from tests.lifecycle.cataloguing import apply, export

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

    from tests.builders import Organisation
    from tests.web.conftest import Visit

PEERS = {"holders": 1, "peers": 6, "department": "Finance", "title": "Clerk"}
WHY = "It is kept for the end of the year."


@pytest.fixture
def found(org: Organisation) -> tuple[Survey, StaleFinding, RoleSuggestion]:
    return found_by_now(org.entitlement, timezone.now())


def with_role(visit: Visit, *roles: Role) -> Client:
    someone = builders.person(" ".join(roles).title())
    for role in roles:
        builders.portal_role(someone, role)
    return visit(someone)


def text(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def link(one: StaleFinding) -> str:
    return f'href="/findings/{one.pk}/"'


def ways(client: Client, one: StaleFinding) -> dict[str, str]:
    """Where the page of a finding leads, by what can be done there."""
    _, _, after = text(client, f"/findings/{one.pk}/").partition('id="do-h"')
    return {verb: url for url, verb in re.findall(r'<a class="btn[^"]*" href="([^"]+)">([^<]+)</a>', after)}


class TestFindingList:
    def test_is_of_what_one_answers_for(self, org: Organisation, visit: Visit, found: Any) -> None:
        assert link(found[1]) in text(visit(org.owner), "/findings/")
        page = text(visit(org.stranger), "/findings/")
        assert link(found[1]) not in page
        assert "Nothing is stale among what you answer for." in page

    def test_has_an_entry_in_the_menu_for_those_who_oversee(self, org: Organisation, visit: Visit) -> None:
        entry = '<a href="/findings/"'
        assert entry in text(with_role(visit, Role.AUDITOR), "/")
        assert entry not in text(visit(org.owner), "/")

    @pytest.mark.parametrize(
        ("query", "there"),
        [
            ("kind=unheld", True),
            ("kind=outlier", False),
            ("state=gone", False),
            ("state=open", True),
            ("owner=owner", True),
            ("owner=nobody+at+all", False),
            ("q=F-1", False),
            ("q=Role", True),
        ],
    )
    def test_is_filtered(self, org: Organisation, visit: Visit, found: Any, query: str, *, there: bool) -> None:
        auditor = with_role(visit, Role.AUDITOR)
        assert (link(found[1]) in text(auditor, f"/findings/?{query}")) == there

    def test_leaves_out_what_is_gone_unless_asked(self, org: Organisation, visit: Visit, found: Any) -> None:
        held = actions.daily_survey(actor=SYSTEM, now=timezone.now() + timedelta(hours=21))
        assert held is not None
        actions._settle(held, "unheld", [], actor=SYSTEM, now=timezone.now())
        auditor = with_role(visit, Role.AUDITOR)
        assert link(found[1]) not in text(auditor, "/findings/")
        assert link(found[1]) in text(auditor, "/findings/?state=gone")

    def test_leaves_as_a_file(self, visit: Visit, found: Any) -> None:
        response = with_role(visit, Role.AUDITOR).get("/findings/?as=jsonl")
        (line,) = [json.loads(one) for one in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
        assert (line["reference"], line["kind"], line["score"]) == (str(found[1]), "unheld", 70)
        assert line["reason"] == "Nobody holds it, and nobody has for 90 days. It was never leased."

    def test_tells_how_the_survey_stands(self, visit: Visit, found: Any) -> None:
        auditor = with_role(visit, Role.AUDITOR)
        page = text(auditor, "/findings/")
        assert "1 finding, 1 of them new; 0 gone; 1 suggested role" in page
        assert 'hx-trigger="every 2s"' in page
        assert "/findings/look" not in page


class TestLook:
    def test_begins_a_survey(self, visit: Visit, org: Organisation) -> None:
        administrator = with_role(visit, Role.ADMINISTRATOR)
        assert "/findings/look" in text(administrator, "/findings/")
        assert administrator.post("/findings/look").status_code == 302
        assert Survey.objects.get().state == SurveyState.RUNNING
        assert administrator.post("/findings/look").status_code == 409


class TestFinding:
    def test_leads_to_what_can_be_done(self, org: Organisation, visit: Visit, found: Any) -> None:
        page = text(visit(org.owner), f"/findings/{found[1].pk}/")
        assert f'href="/catalog/{org.entitlement.pk}/edit"' in page
        assert "Dismiss" in page

    def test_leads_to_pages_that_let_it_be_done(self, org: Organisation, visit: Visit, found: Any) -> None:
        rule = builders.rule(deny=True, condition="identity.department == 'Moon'", key="POL-70").versions.get()
        about: dict[Stale, tuple[Any, dict[str, Any]]] = {
            Stale.BUNDLE: (changing.bundle(org.entitlement, org.owner, org.requester), {"size": 0}),
            Stale.LAPSING: (org.entitlement, {"lapsed": 5, "holders": 5}),
            Stale.OUTLIER: (builders.live_grant(org.submit()), PEERS),
            Stale.PURPOSE: (org.purpose, {"last": None}),
            Stale.RULE: (rule, {"key": "POL-70", "number": 1, "decisions": 20}),
        }
        client = with_role(visit, Role.ADMINISTRATOR, Role.SECURITY)
        led = {kind: ways(client, a_finding(found[0], kind, one, **figures)) for kind, (one, figures) in about.items()}
        assert {kind: list(verbs) for kind, verbs in led.items()} == {
            Stale.BUNDLE: ["Change the bundle", "Retire it", "Open the bundle"],
            Stale.LAPSING: ["Change the entitlement", "Open the entitlement"],
            Stale.OUTLIER: ["Revoke the grant", "Open the grant"],
            Stale.PURPOSE: ["Retire the purpose", "Open the purpose"],
            Stale.RULE: ["Retire the rule", "Open the rule, to replay it"],
        }
        for url in (url for verbs in led.values() for url in verbs.values()):
            assert client.get(url, follow=True).status_code == 200, url

    def test_of_what_is_managed_from_files_says_where_it_is_changed(
        self, org: Organisation, visit: Visit, found: Any, tmp_path: Path
    ) -> None:
        export(tmp_path)
        apply(tmp_path)
        client = visit(org.owner)
        assert list(ways(client, found[1])) == ["Open the entitlement"]
        assert "is managed from files: change " in text(client, f"/findings/{found[1].pk}/")

    def test_says_why_one_may_do_nothing_about_it(self, org: Organisation, visit: Visit, found: Any) -> None:
        one = a_finding(found[0], Stale.OUTLIER, builders.live_grant(org.submit()), **PEERS)
        auditor = with_role(visit, Role.AUDITOR)
        assert list(ways(auditor, one)) == ["Open the grant"]
        assert "manager or security ends a grant early." in text(auditor, f"/findings/{one.pk}/")

    def test_says_why_one_may_not_dismiss_it(self, visit: Visit, found: Any) -> None:
        page = text(with_role(visit, Role.ADMINISTRATOR), f"/findings/{found[1].pk}/")
        assert "Only whoever answers for it may dismiss it." in page
        assert f"/findings/{found[1].pk}/dismiss" not in page

    def test_is_dismissed(self, org: Organisation, visit: Visit, found: Any) -> None:
        until = (timezone.now() + timedelta(days=30)).date()
        path = f"/findings/{found[1].pk}/dismiss"
        response = visit(org.owner).post(path, {"reason": WHY, "until": str(until)})
        assert response.status_code == 302
        found[1].refresh_from_db()
        assert (found[1].state, found[1].state_reason) == (FoundState.DISMISSED, WHY)
        assert found[1].dismissed_until.date() == until
        assert WHY in text(visit(org.owner), f"/findings/{found[1].pk}/")
        assert "is dismissed already" in text(visit(org.owner), path, 409)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"until": "2020-01-01", "reason": WHY}, "Name a day to come."),
            ({"until": "", "reason": WHY}, "Name a day to come."),
            ({"until": "2999-01-01", "reason": WHY}, "At most 366 days from now."),
            ({"until": "2999-01-01", "reason": ""}, "Say why, in a sentence"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(
        self, org: Organisation, visit: Visit, found: Any, given: dict[str, str], said: str
    ) -> None:
        response = visit(org.owner).post(f"/findings/{found[1].pk}/dismiss", given)
        assert response.status_code == 422
        assert said in response.content.decode()


class TestSuggestion:
    def test_shows_who_holds_most_of_it(self, org: Organisation, visit: Visit, found: Any) -> None:
        builders.live_grant(org.submit())
        auditor = with_role(visit, Role.AUDITOR)
        assert "Finance, Clerk" in text(auditor, "/findings/roles/")
        page = text(auditor, f"/findings/roles/{found[2].pk}/")
        assert org.requester.name in page
        assert "all of it" in page
        assert "1 of 1" in page

    def test_begins_the_form_of_a_bundle(self, org: Organisation, visit: Visit, found: Any) -> None:
        administrator = with_role(visit, Role.ADMINISTRATOR)
        path = f"/bundles/new/?suggestion={found[2].pk}"
        assert f'href="{path}"' in text(administrator, f"/findings/roles/{found[2].pk}/")
        page = text(administrator, path)
        assert 'value="finance-clerk"' in page
        assert f"{org.system.key}/{org.entitlement.key}" in page
        assert "identity.department == &#x27;Finance&#x27; &amp;&amp; identity.title == &#x27;Clerk&#x27;" in page

    @pytest.mark.parametrize("named", ["nothing", "0192f0c1-7a00-7000-8000-000000000001"])
    def test_of_another_name_begins_nothing(self, org: Organisation, visit: Visit, found: Any, named: str) -> None:
        assert text(with_role(visit, Role.ADMINISTRATOR), f"/bundles/new/?suggestion={named}", 404)
        assert text(visit(org.owner), f"/bundles/new/?suggestion={found[2].pk}", 404)

    def test_is_dismissed_by_administrators(self, visit: Visit, found: Any) -> None:
        path, given = f"/findings/roles/{found[2].pk}", {"reason": WHY, "until": "2999-01-01"}
        administrator = with_role(visit, Role.ADMINISTRATOR)
        assert administrator.post(f"{path}/dismiss", given).status_code == 422
        given["until"] = str((timezone.now() + timedelta(days=9)).date())
        assert administrator.post(f"{path}/dismiss", given).status_code == 302
        assert WHY in text(administrator, f"{path}/")
        assert "is dismissed already" in text(administrator, f"{path}/dismiss", 409)

    def test_of_no_department_says_so(self, org: Organisation, visit: Visit, found: Any) -> None:
        other = builders.entitlement(org.system, org.owner)
        one = a_role(found[0], other, key="1" * 64, department="", title="", criteria="")
        held = actions.daily_survey(actor=SYSTEM, now=timezone.now() + timedelta(hours=21))
        assert held is not None
        actions._settle(held, ROLES, [one], actor=SYSTEM, now=timezone.now())
        assert "Of no one department or title" in text(with_role(visit, Role.AUDITOR), "/findings/roles/")


class TestMessage:
    def test_leads_owners_to_their_findings(self, org: Organisation, visit: Visit, found: Any) -> None:
        actions._finish(found[0].pk, actor=SYSTEM, now=timezone.now())
        said = Notification.objects.get(recipient=org.owner, subject_kind="survey")
        assert said.title == "One finding about what you answer for"
        response = visit(org.owner).get(f"/notifications/{said.pk}/")
        assert response["Location"] == "/findings/"
