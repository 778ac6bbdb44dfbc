"""Putting a version in force on the pages of policy: rehearsed, proposed, approved, carried out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

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
from governance.policy.models import PolicyRuleVersion
from governance.policy.queries import rules_in_force
from tests import builders
from tests.web.conftest import Visit
from tests.web.writing import EXAMPLE, WORDING, made, page_of, rehearsed

pytestmark = pytest.mark.django_db


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
        builders.team("security", builders.person("Sam"), builders.person("Sue"))
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
        page = page_of(admin, version)
        assert ("Held against it from" in page, "<dt>Stays as it is</dt>" in page) == (True, False)
        found = Reevaluation.objects.get(version=version)
        Reevaluation.objects.filter(pk=found.pk).update(due_at=timezone.now())
        lifecycle.reevaluate(str(found.pk))
        page = page_of(admin, version)
        for words in ("Live leases", "<dt>Stays as it is</dt>", "End them at once", "Done"):
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
        example = {**EXAMPLE, "applies": "no", "outcome": ""}
        admin.post(reverse("rule-example-new", args=[version.rule_id]), example)
        response = self.proposed(admin, version)
        assert response.status_code == 422
        assert "examples fail" in response.content.decode()
        assert not ProposedChange.objects.exists()

    def test_fails_when_an_example_fails_by_then(
        self, admin: Client, version: PolicyRuleVersion, owner: Identity
    ) -> None:
        self.proposed(admin, version)
        example = {**EXAMPLE, "applies": "no", "outcome": ""}
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
