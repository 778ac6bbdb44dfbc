"""The pages of policy: the rules, their versions, and the editor."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.analysis import tasks
from governance.core.actor import Role
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.states import Mode, VersionState
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit
from tests.web.writing import EXAMPLE, RULE, WORDING, made, page_of, rehearsed

pytestmark = pytest.mark.django_db


class TestRuleList:
    def test_shows_how_each_rule_stands(self, admin: Client) -> None:
        builders.rule("manager", key="POL-01")
        made(admin)
        page = admin.get(reverse("rule-list")).content.decode()
        for words in ("POL-01", "Version 1", "In force", "In full", "POL-50", "Draft", "Naomi"):
            assert words in page

    @pytest.mark.parametrize(("state", "shown"), [("in_force", "POL-01"), ("draft", "POL-50")])
    def test_filters_by_how_a_rule_stands(self, admin: Client, state: str, shown: str) -> None:
        builders.rule("manager", key="POL-01")
        made(admin)
        page = admin.get(reverse("rule-list"), {"state": state}).content.decode()
        assert [key for key in ("POL-01", "POL-50") if f">{key}<" in page] == [shown]

    def test_finds_a_rule_by_its_owner(self, admin: Client) -> None:
        builders.rule("manager", key="POL-01")
        made(admin)
        page = admin.get(reverse("rule-list"), {"q": "naomi"}).content.decode()
        assert ">POL-50<" in page
        assert ">POL-01<" not in page

    def test_leaves_as_a_file(self, admin: Client) -> None:
        made(admin)
        response = admin.get(reverse("rule-list"), {"as": "csv"})
        lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
        assert lines[1].startswith("POL-50,High risk takes three,Naomi")

    def test_shows_an_owner_their_own_alone(self, admin: Client, visit: Visit) -> None:
        builders.rule("manager", key="POL-01")
        owner = builders.person("Olga")
        made(admin, owner=owner.email)
        page = visit(owner).get(reverse("rule-list")).content.decode()
        assert ">POL-50<" in page
        assert ">POL-01<" not in page
        assert "New rule" not in page


class TestRuleNew:
    def test_keeps_what_the_fields_say(self, admin: Client) -> None:
        version = made(admin)
        assert version.outcomes == {
            "steps": [
                {"kind": "manager", "required": 1},
                {"kind": "security", "required": 2, "stage": 3},
            ],
            "cap_seconds": 7 * 86400,
            "cadence_seconds": 90 * 86400,
        }
        assert (version.state, version.priority, version.mode) == (VersionState.DRAFT, 150, Mode.BLOCK)

    @pytest.mark.parametrize(
        ("follows", "outcomes"),
        [
            ("deny", {"deny": True}),
            ("allow_without_human", {"allow_without_human": True, "cap_seconds": 7 * 3600, "cadence_seconds": 3600}),
            ("limits", {"cap_seconds": 7 * 3600, "cadence_seconds": 3600}),
        ],
    )
    def test_keeps_what_follows_besides_steps(self, admin: Client, follows: str, outcomes: dict[str, Any]) -> None:
        version = made(admin, follows=follows, reason="So it is.", cap="7 hours", cadence="1 hour")
        assert version.outcomes == outcomes

    def test_keeps_a_rule_that_tightens_review_alone(self, admin: Client) -> None:
        version = made(admin, follows="limits", cap="", reason="Every {cadence}.")
        assert version.outcomes == {"cadence_seconds": 90 * 86400}

    @pytest.mark.parametrize("mode", list(Mode))
    def test_keeps_how_far_it_reaches(self, admin: Client, mode: Mode) -> None:
        assert made(admin, mode=mode).mode == mode

    def test_asks_a_team(self, admin: Client) -> None:
        builders.team("ledger", builders.person("Lia"))
        version = made(admin, **{"team-0-named": "ledger", "team-0-required": "1", "team-0-everyone": "on"})
        assert version.outcomes["steps"][-1] == {"kind": "team", "required": 1, "everyone": True, "team": "ledger"}

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"condition": "entitlement.risk > 3"}, "Line 1, column 18: &gt; does not work on string and int"),
            ({"condition": "true &&\n  identity.kynd == 'a'"}, "Line 2, column 11: There is no fact"),
            ({"condition": "entitlement.risk"}, "A condition is true or false; this is of type string"),
            ({"reason": "At most {gap}."}, "There is no fact called gap"),
            ({"follows": "limits", "cap": "", "cadence": ""}, "Something has to follow"),
            ({"cap": "9999 days"}, "A cap is a whole number of seconds, more than none and at most 3660 days"),
            ({"cadence": "9999 days"}, "A cadence of review is a whole number of seconds"),
            ({"cadence": "0 days"}, "A cadence of review is a whole number of seconds"),
            ({"cadence": "often"}, "Write a length such as 30 days"),
            ({"mode": ""}, "Choose how far it reaches"),
            ({"mode": "shadow"}, "Choose one that is offered"),
            ({"mode": "require_approval", "follows": "allow_without_human"}, "What allows without a human can&#x27;t"),
            ({"step-manager-required": "99"}, "less than or equal to 9"),
            ({"key": "pol"}, "A key reads like POL-01"),
            ({"owner": "nobody@example.com"}, "No active person"),
            ({"why": ""}, "Say why"),
        ],
    )
    def test_saves_nothing_that_is_wrong_and_says_what(self, admin: Client, changes: dict[str, str], said: str) -> None:
        response = admin.post(reverse("rule-new"), {**RULE, **changes})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert not PolicyRule.objects.exists()


class TestVersionEdit:
    def test_shows_the_draft_as_it_was_written(self, admin: Client) -> None:
        version = made(admin)
        page = admin.get(reverse("rule-version-edit", args=["POL-50", 1])).content.decode()
        assert 'name="step-security-stage" value="3"' in page
        assert 'name="cap" value="7 days"' in page
        assert 'name="cadence" value="90 days"' in page
        assert 'value="block" checked' in page
        assert version.reason.replace("{", "{") in page

    def test_says_it_otherwise(self, admin: Client) -> None:
        version = made(admin)
        admin.post(reverse("rule-version-edit", args=["POL-50", 1]), {**WORDING, "follows": "deny", "reason": "No."})
        version.refresh_from_db()
        assert version.outcomes == {"deny": True}

    def test_changes_nothing_that_is_published(self, admin: Client) -> None:
        builders.rule("manager", key="POL-01")
        address = reverse("rule-version-edit", args=["POL-01", 1])
        assert admin.get(address).status_code == 409
        assert admin.post(address, WORDING).status_code == 409


class TestVersionNew:
    def test_begins_as_what_the_newest_one_says(self, admin: Client) -> None:
        rule = builders.rule("manager", key="POL-01", condition="identity.machine")
        page = admin.get(reverse("rule-draft", args=[rule.pk])).content.decode()
        assert "identity.machine" in page
        admin.post(reverse("rule-draft", args=[rule.pk]), WORDING)
        assert list(rule.versions.order_by("number").values_list("state", flat=True)) == ["published", "draft"]


class TestVersionPage:
    def test_says_in_words_what_follows_and_who_wrote_it(self, admin: Client) -> None:
        page = page_of(admin, made(admin))
        for words in (
            "Manager decides.",
            "Security decides, 2 of them",
            "at stage 3",
            "at most 7 days",
            "reviewed at least every 90 days",
            "In full",
            "Naomi",
            "The review asked",
        ):
            assert words in page

    def test_says_who_published_and_why(self, admin: Client) -> None:
        builders.rule("manager", key="POL-01")
        page = admin.get(reverse("rule-version", args=["POL-01", 1])).content.decode()
        assert "Published" in page
        assert "builder" in page


class TestCheck:
    def faults(self, client: Client, **changes: str) -> list[dict[str, Any]]:
        response = client.post(reverse("rule-check"), {**WORDING, **changes})
        assert response.status_code == 200
        found: list[dict[str, Any]] = response.json()["faults"]
        return found

    def test_says_nothing_of_what_is_right(self, admin: Client) -> None:
        assert self.faults(admin) == []

    def test_names_place_part_and_expected_type(self, admin: Client) -> None:
        (fault,) = self.faults(admin, condition="true &&\n  entitlement.risk > 3")
        assert fault == {
            "field": "condition",
            "message": "> does not work on string and int; string is expected on its right.",
            "line": 2,
            "column": 20,
            "start": 20,
            "length": 1,
            "expected": "string",
        }

    def test_names_every_place(self, admin: Client) -> None:
        found = self.faults(admin, condition="identity.kynd == 'a' &&\nfoo", reason="{bar}")
        places = [(one["field"], one["line"], one["start"], one["length"]) for one in found]
        assert places == [("condition", 1, 1, 13), ("condition", 2, 1, 3), ("reason", 0, 0, 0)]

    def test_names_the_field_of_a_length_and_of_the_mode(self, admin: Client) -> None:
        found = self.faults(admin, follows="allow_without_human", mode="require_approval", cadence="9999 days")
        assert [one["field"] for one in found] == ["mode", "cadence"]

    def test_is_for_those_who_may_write(self, visit: Visit, org: Organisation) -> None:
        assert visit(org.stranger).post(reverse("rule-check"), WORDING).status_code == 403


class TestExamples:
    def kept(self, client: Client, version: PolicyRuleVersion, **changes: str) -> Any:
        address = reverse("rule-example-new", args=[version.rule_id])
        return client.post(address, {**EXAMPLE, **changes})

    def test_are_run_against_the_version(self, admin: Client) -> None:
        version = made(admin)
        assert self.kept(admin, version).status_code == 302
        assert version.rule.examples.get().changed_facts == {"entitlement.risk": "high", "request.term": 90 * 86400}
        page = page_of(admin, version)
        for words in ("An agent asks for long", "entitlement.risk is high", "request.term is 90 days", "Passes"):
            assert words in page

    def test_fail_where_something_else_comes_out(self, admin: Client) -> None:
        version = made(admin)
        self.kept(admin, version, applies="no", outcome="")
        assert "Fails" in page_of(admin, version)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"value_2": "long"}, "A duration is expected"),
            ({"fact_2": "identity.machine", "value_2": "perhaps"}, "A bool is expected"),
            ({"fact_2": "risk.tier", "value_2": "low"}, "risk.tier is none, or follows from others"),
            ({"fact_2": "purpose.ends_at", "value_2": "soon"}, "A timestamp is expected"),
            ({"fact_2": "assurance", "value_2": "two"}, "An int is expected"),
            ({"fact_2": "identity.id", "value_2": "x"}, "An id is expected"),
            ({"fact_2": "entitlement.risk"}, "This fact is changed above"),
            ({"fact_2": ""}, "Choose the fact that has this value"),
            ({"title": ""}, "Fill this in"),
            ({"applies": "no"}, "Choose no outcome"),
        ],
    )
    def test_are_read_as_their_facts_are_declared(self, admin: Client, changes: dict[str, str], said: str) -> None:
        response = self.kept(admin, made(admin), **changes)
        assert response.status_code == 422
        assert said in response.content.decode()

    def test_have_a_title_of_their_own(self, admin: Client) -> None:
        version = made(admin)
        self.kept(admin, version)
        assert "Another example of this rule has this title" in self.kept(admin, version).content.decode()

    def test_can_be_let_go(self, admin: Client) -> None:
        version = made(admin)
        self.kept(admin, version)
        example = version.rule.examples.get()
        admin.post(reverse("rule-example-drop", args=[example.pk]), {"reason": "Outdated"})
        assert "No example is kept" in page_of(admin, version)
        assert admin.get(reverse("rule-example-drop", args=[example.pk])).status_code == 404


class TestReplay:
    def test_shows_how_far_it_has_come_and_what_it_has_found(self, admin: Client) -> None:
        org = Organisation("manager")
        org.submit()
        version = made(admin, condition="true", follows="deny", reason="No.")
        response = admin.post(reverse("rule-version-replay", args=["POL-50", 1]), {"days": "30"})
        assert 'hx-trigger="every 2s"' in admin.get(response["Location"]).content.decode()
        tasks.run_replay(str(version.replays.get().pk))
        page = admin.get(response["Location"]).content.decode()
        for words in ("Done", "Would be denied", "Requester", org.entitlement.name, "Denied"):
            assert words in page
        assert 'hx-trigger="every 2s"' not in page
        file = b"".join(admin.get(response["Location"], {"as": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
        assert "Requester" in file
        assert version.replays.get().started_by in page_of(admin, version)

    def test_shows_what_publishing_means_to_live_leases_and_to_which(self, admin: Client) -> None:
        org = Organisation("manager")
        grant = builders.live_grant(org.submit())
        version = made(admin, condition="system.key != 'portal'", follows="deny", reason="No.")
        rehearsed(admin, version)
        found = reverse("replay-detail", args=[version.replays.get().pk])
        page = admin.get(found).content.decode()
        assert "What publishing it would mean to live leases" in page
        assert '<a href="?fate=revoke">No longer allowed</a></th><td>1</td>' in page
        assert "?fate=unchanged" not in page
        told = admin.get(found, {"fate": "revoke"}).content.decode()
        assert (str(grant) in told, "Requester" in told) == (True, True)
        assert str(grant) not in admin.get(found, {"fate": "review"}).content.decode()
        assert "No longer allowed: 1" in page_of(admin, version)

    def test_can_be_stopped(self, admin: Client) -> None:
        version = made(admin)
        response = admin.post(reverse("rule-version-replay", args=["POL-50", 1]), {"days": "30"})
        admin.post(reverse("replay-stop", args=[version.replays.get().pk]), {"reason": ""})
        assert "Stopped" in admin.get(response["Location"]).content.decode()
        assert admin.get(reverse("replay-stop", args=[version.replays.get().pk])).status_code == 409


class TestReasons:
    def test_lead_to_the_version_for_those_who_may_read_it(self, visit: Visit, org: Organisation) -> None:
        request = org.submit()
        address = reverse("request-detail", args=[request.pk])
        url = reverse("rule-version", args=[org.rule.key, 1])
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        assert visit(auditor).get(address).content.decode().count(url) == 2  # beside the request, and in its chain
        assert url not in visit(org.requester).get(address).content.decode()
