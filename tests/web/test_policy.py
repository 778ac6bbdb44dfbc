"""The pages of policy: the rules, their versions, and the editor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.analysis import tasks
from governance.approvals.actions import decide
from governance.approvals.models import ApprovalStep
from governance.approvals.states import Verdict
from governance.changes.models import ProposedChange
from governance.core.actor import Role
from governance.core.errors import NotFound
from governance.core.stepup import StepUpRequired
from governance.identities.models import Identity
from governance.lifecycle import tasks as lifecycle
from governance.lifecycle.models import Reevaluation
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.queries import rules_in_force
from governance.policy.states import Mode, VersionState
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
    "cap": "7 days",
    "cadence": "90 days",
    "mode": "block",
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


def rehearsed(client: Client, version: PolicyRuleVersion) -> None:
    """The version, replayed over a day."""
    client.post(reverse("rule-version-replay", args=[version.rule.key, version.number]), {"days": "1"})
    tasks.run_replay(str(version.replays.order_by("-number")[0].pk))


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
    EXAMPLE = {
        "title": "An agent asks for long",
        "applies": "yes",
        "outcome": "require_steps",
        "fact_1": "entitlement.risk",
        "value_1": "high",
        "fact_2": "request.term",
        "value_2": "90 days",
        "why": "It happened in May",
    }

    def kept(self, client: Client, version: PolicyRuleVersion, **changes: str) -> Any:
        address = reverse("rule-example-new", args=[version.rule_id])
        return client.post(address, {**self.EXAMPLE, **changes})

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


class TestPublish:
    REASON = {"reason": "The review of May asked for it."}

    def proposed(self, client: Client, version: PolicyRuleVersion, **changes: str) -> Any:
        if not version.replays.exists():
            rehearsed(client, version)
        address = reverse("rule-version-publish", args=[version.rule.key, version.number])
        said = {"token": str(uuid4()), "effective_from": "", "denied_leases": "end", **self.REASON, **changes}
        return client.post(address, said)

    def step(self, version: PolicyRuleVersion) -> ApprovalStep:
        change = ProposedChange.objects.get(subject_id=version.pk, state="proposed")
        return ApprovalStep.objects.get(route__subject_id=change.pk)

    def approve(self, version: PolicyRuleVersion, who: Identity, **session: Any) -> None:
        step, now = self.step(version), timezone.now()
        by = builders.actor(who, **session)
        decide(step_id=step.pk, verdict=Verdict.APPROVE, reason="As agreed.", actor=by, now=now)

    @pytest.fixture
    def owner(self) -> Identity:
        builders.team("governance", builders.person("Gwen"), builders.person("Gus"))
        return builders.person("Olga")

    @pytest.fixture
    def version(self, admin: Client, owner: Identity) -> PolicyRuleVersion:
        return made(admin, owner=owner.email)

    def test_waits_for_the_owner_of_the_rule(self, admin: Client, version: PolicyRuleVersion, owner: Identity) -> None:
        response = self.proposed(admin, version)
        page = admin.get(response["Location"]).content.decode()
        for words in ("Publish a version of a policy rule", "Olga", "entitlement.risk", "When it is approved"):
            assert words in page
        assert rules_in_force(timezone.now()) == ()
        self.approve(version, owner)
        assert [rule.key for rule in rules_in_force(timezone.now())] == ["POL-50"]

    def test_is_not_for_whoever_wrote_it(self, admin: Client, writer: Identity, owner: Identity) -> None:
        """The rule's owner is who drafted it: the governance team decides."""
        version = made(admin)
        self.proposed(admin, version)
        asked = self.step(version).approvers.values_list("identity__name", flat=True)
        assert set(asked) == {"Gwen", "Gus"}
        with pytest.raises(NotFound):
            self.approve(version, writer)

    def test_is_not_for_whoever_wrote_it_when_another_proposes(
        self, admin: Client, visit: Visit, writer: Identity, owner: Identity
    ) -> None:
        version = made(admin)
        second = builders.person("Sam")
        builders.portal_role(second, Role.ADMINISTRATOR)
        self.proposed(visit(second), version)
        assert writer.name not in self.step(version).approvers.values_list("identity__name", flat=True)

    def test_asks_the_owner_to_confirm_that_it_is_them(
        self, admin: Client, version: PolicyRuleVersion, owner: Identity
    ) -> None:
        self.proposed(admin, version)
        with pytest.raises(StepUpRequired):
            self.approve(version, owner, assurance=1)

    def test_shows_what_it_says_and_how_far_it_reaches(self, admin: Client, version: PolicyRuleVersion) -> None:
        page = admin.get(self.proposed(admin, version)["Location"]).content.decode()
        for words in ("Access is reviewed at least every 90 days.", "Mode", "In full"):
            assert words in page

    def test_publishes_no_other_mode_than_was_shown(
        self, admin: Client, version: PolicyRuleVersion, owner: Identity
    ) -> None:
        self.proposed(admin, version)
        admin.post(reverse("rule-version-edit", args=["POL-50", 1]), {**WORDING, "mode": "record"})
        self.approve(version, owner)
        change = ProposedChange.objects.get()
        assert (change.state, "says something else by now" in change.state_reason) == ("failed", True)

    def test_shows_first_what_it_means_to_live_leases(self, admin: Client, version: PolicyRuleVersion) -> None:
        address = reverse("rule-version-publish", args=["POL-50", 1])
        assert "Replay it first" in admin.get(address).content.decode()
        rehearsed(admin, version)
        said = "2 stay as they are, 0 stay and their owners are told, 0 are denied"
        builders.portal_role(builders.person("Ben"), Role.AUDITOR)
        rehearsed(admin, version)
        assert said in admin.get(address).content.decode()
        page = admin.get(self.proposed(admin, version, denied_leases="run_out")["Location"]).content.decode()
        assert said in page
        assert "Let them run to their end" in page

    def test_is_refused_before_that(self, admin: Client, version: PolicyRuleVersion) -> None:
        said = {"token": str(uuid4()), "denied_leases": "end", **self.REASON}
        response = admin.post(reverse("rule-version-publish", args=["POL-50", 1]), said)
        assert response.status_code == 422
        assert "Replay POL-50 version 1 first" in response.content.decode()

    def test_says_what_becomes_of_denied_leases(self, admin: Client, version: PolicyRuleVersion) -> None:
        response = self.proposed(admin, version, denied_leases="")
        assert response.status_code == 422
        assert "Say what becomes of them" in response.content.decode()

    def test_is_carried_out_on_live_leases(self, admin: Client, version: PolicyRuleVersion, owner: Identity) -> None:
        self.proposed(admin, version)
        self.approve(version, owner)
        assert "Held against it from" in page_of(admin, version)
        found = Reevaluation.objects.get(version=version)
        Reevaluation.objects.filter(pk=found.pk).update(due_at=timezone.now())
        lifecycle.reevaluate(str(found.pk))
        page = page_of(admin, version)
        for words in ("Live leases", "Stays as it is", "End them at once", "Done"):
            assert words in page

    def test_takes_effect_later(self, admin: Client, version: PolicyRuleVersion, owner: Identity) -> None:
        self.proposed(admin, version, effective_from="2031-01-01T09:00")
        self.approve(version, owner)
        version.refresh_from_db()
        assert version.effective_from == datetime(2031, 1, 1, 9, tzinfo=UTC)

    def test_refuses_the_past(self, admin: Client, version: PolicyRuleVersion) -> None:
        response = self.proposed(admin, version, effective_from="2020-01-01T09:00")
        assert "A rule can&#x27;t take effect in the past" in response.content.decode()

    def test_refuses_a_version_whose_examples_fail(self, admin: Client, version: PolicyRuleVersion) -> None:
        example = {**TestExamples.EXAMPLE, "applies": "no", "outcome": ""}
        admin.post(reverse("rule-example-new", args=[version.rule_id]), example)
        response = self.proposed(admin, version)
        assert response.status_code == 422
        assert "examples fail" in response.content.decode()
        assert not ProposedChange.objects.exists()

    def test_fails_when_an_example_fails_by_then(
        self, admin: Client, version: PolicyRuleVersion, owner: Identity
    ) -> None:
        self.proposed(admin, version)
        example = {**TestExamples.EXAMPLE, "applies": "no", "outcome": ""}
        admin.post(reverse("rule-example-new", args=[version.rule_id]), example)
        self.approve(version, owner)
        assert ProposedChange.objects.get().state == "failed"
        assert rules_in_force(timezone.now()) == ()

    def test_publishes_nothing_that_nobody_has_read(
        self, admin: Client, version: PolicyRuleVersion, owner: Identity
    ) -> None:
        self.proposed(admin, version)
        admin.post(reverse("rule-version-edit", args=["POL-50", 1]), {**WORDING, "follows": "deny", "reason": "No."})
        self.approve(version, owner)
        change = ProposedChange.objects.get()
        assert (change.state, "says something else by now" in change.state_reason) == ("failed", True)

    def test_retires_by_a_second_person_too(self, admin: Client, version: PolicyRuleVersion, owner: Identity) -> None:
        self.proposed(admin, version)
        self.approve(version, owner)
        address = reverse("rule-version-retire", args=["POL-50", 1])
        admin.post(address, {"token": str(uuid4()), **self.REASON})
        assert rules_in_force(timezone.now())
        self.approve(version, owner)
        assert rules_in_force(timezone.now()) == ()


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
