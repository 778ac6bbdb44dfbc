"""The pages of policy: the rules, their versions, and the editor."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.core.actor import Role
from governance.identities.models import Identity
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.states import VersionState
from tests import builders
from tests.builders import Organisation
from tests.web.conftest import Visit

pytestmark = pytest.mark.django_db

WORDING = {
    "condition": "entitlement.risk == 'high'",
    "follows": "steps",
    "step-manager-asked": "on",
    "step-manager-required": "1",
    "step-security-asked": "on",
    "step-security-required": "2",
    "step-security-stage": "3",
    "cap": "7",
    "unit": "86400",
    "reason": "{entitlement.name} is of high risk, for at most {cap}.",
    "priority": "150",
    "why": "The review asked for it",
}
RULE = {"key": "POL-50", "title": "High risk takes three", "owner": "", **WORDING}


@pytest.fixture
def writer(db: None) -> Identity:
    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return person


@pytest.fixture
def admin(visit: Visit, writer: Identity) -> Client:
    return visit(writer)


def made(client: Client, **changes: str) -> PolicyRuleVersion:
    response = client.post(reverse("rule-new"), {**RULE, **changes})
    assert response.status_code == 302, response.content.decode()
    return PolicyRuleVersion.objects.select_related("rule").get(rule__key="POL-50")


def page_of(client: Client, version: PolicyRuleVersion) -> str:
    address = reverse("rule-version", args=[version.rule.key, version.number])
    return client.get(address).content.decode()


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
        }
        assert (version.state, version.priority) == (VersionState.DRAFT, 150)

    @pytest.mark.parametrize(
        ("follows", "outcomes"),
        [
            ("deny", {"deny": True}),
            ("allow_without_human", {"allow_without_human": True, "cap_seconds": 7 * 3600}),
            ("cap", {"cap_seconds": 7 * 3600}),
        ],
    )
    def test_keeps_what_follows_besides_steps(self, admin: Client, follows: str, outcomes: dict[str, Any]) -> None:
        version = made(admin, follows=follows, unit="3600", reason="So it is.")
        assert version.outcomes == outcomes

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
            ({"follows": "cap", "cap": ""}, "Something has to follow"),
            ({"cap": "9999"}, "A cap is a whole number of seconds"),
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
        assert 'name="cap" value="7"' in page
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
            "Security decides, two of them",
            "at stage 3",
            "at most 7 days",
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

    def test_is_for_those_who_may_write(self, visit: Visit, org: Organisation) -> None:
        assert visit(org.stranger).post(reverse("rule-check"), WORDING).status_code == 403
