"""Rules of policy through the API: what they say, how far they reach, and what is wrong at which field."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from governance.analysis import tasks
from governance.core.actor import Role
from governance.identities.models import Identity
from governance.lifecycle import tasks as lifecycle
from governance.lifecycle.models import Reevaluation, ReevaluationProgress
from governance.policy.models import PolicyRule
from tests import builders
from tests.api.conftest import Call

pytestmark = pytest.mark.django_db

WORDING = {"condition": "true", "outcomes": {"cadence_seconds": 3600}, "reason": "Every {cadence}.", "mode": "warn"}


@pytest.fixture
def writer() -> Identity:
    person = builders.person("Naomi")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return person


def body(writer: Identity, **given: Any) -> dict[str, Any]:
    return {
        "key": "POL-70",
        "title": "Reviewed hourly",
        "owner": str(writer.pk),
        "why": "So it is.",
        **WORDING,
        **given,
    }


class TestRule:
    def test_keeps_mode_and_cadence(self, writer: Identity, call: Call) -> None:
        api = call(writer)
        assert api.post("/policy-rules", body(writer)).status_code == 201
        (told,) = api.get(f"/policy-rules/{PolicyRule.objects.get().pk}/versions").json()["items"]
        assert (told["mode"], told["outcomes"]) == ("warn", {"cadence_seconds": 3600})

    def test_is_in_full_where_nothing_else_is_said(self, writer: Identity, call: Call) -> None:
        given = {name: value for name, value in body(writer).items() if name != "mode"}
        assert call(writer).post("/policy-rules", given).status_code == 201
        assert PolicyRule.objects.get().versions.get().mode == "block"

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"mode": "shadow"}, "mode"),
            ({"mode": "require_approval", "outcomes": {"allow_without_human": True}, "reason": "Yes."}, "mode"),
            ({"outcomes": {"cadence_seconds": 0}, "reason": "No."}, "outcomes"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(
        self, writer: Identity, call: Call, wrong: dict[str, Any], field: str
    ) -> None:
        answer = call(writer).post("/policy-rules", body(writer, **wrong))
        assert answer.status_code in {400, 422}, answer.content
        assert [one["field"] for one in answer.json()["errors"]] == [field]
        assert not PolicyRule.objects.exists()


class TestCheck:
    def test_names_the_mode(self, writer: Identity, call: Call) -> None:
        wording = {**WORDING, "outcomes": {"allow_without_human": True}, "reason": "Yes.", "mode": "require_approval"}
        (fault,) = call(writer).post("/policy-rules/check", wording).json()["faults"]
        assert fault["field"] == "mode"


class TestExample:
    def test_refuses_a_fact_that_follows_from_others(self, writer: Identity, call: Call) -> None:
        rule = builders.rule("manager")
        given = {"title": "Low", "changed_facts": {"risk.tier": "low"}, "applies": True, "why": "To see."}
        answer = call(writer).post(f"/policy-rules/{rule.pk}/examples", given)
        assert "risk.tier follows from the other facts" in answer.content.decode()
        assert not rule.examples.exists()


class TestPublish:
    def change(self, version_id: str, **payload: Any) -> dict[str, Any]:
        said = {"kind": "policy_rule.publish", "reason": "The review of May asked for it."}
        return {**said, "subject_id": version_id, "payload": payload}

    def test_says_what_becomes_of_live_leases(self, writer: Identity, call: Call) -> None:
        api = call(writer)
        api.post("/policy-rules", body(writer))
        version = str(PolicyRule.objects.get().versions.get().pk)
        answer = api.post("/changes", self.change(version))
        assert [one["field"] for one in answer.json()["errors"]] == ["denied_leases"]
        answer = api.post("/changes", self.change(version, denied_leases="end"))
        assert [one["field"] for one in answer.json()["errors"]] == ["rehearsal"]
        replay = api.post("/replays", {"version": version, "days": 1}).json()
        tasks.run_replay(replay["id"])
        told = api.post("/changes", self.change(version, denied_leases="end")).json()
        assert {"Live leases", "Those that are denied"} <= {one["label"] for one in told["differences"]}
        assert api.get(f"/policy-rule-versions/{version}").json()["reevaluation"] is None

    def test_tells_what_became_of_them(self, writer: Identity, call: Call) -> None:
        version = builders.rule("manager").versions.get()
        made = builders.keep(Reevaluation(version=version, denied="end", due_at=timezone.now()))
        ReevaluationProgress.objects.create(reevaluation=made)
        lifecycle.reevaluate(str(made.pk))
        told = call(writer).get(f"/policy-rule-versions/{version.pk}").json()["reevaluation"]
        assert (told["state"], told["denied"], told["counts"]) == ("done", "end", {"unchanged": 1})
