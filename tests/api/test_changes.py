"""Proposed changes through the API."""

from __future__ import annotations

from typing import Any

from governance.approvals.models import Question
from governance.changes.models import ProposedChange
from tests.api.conftest import Call
from tests.api.test_frame import problem
from tests.builders import Organisation
from tests.changing import edited, steps_of
from tests.leases import ask_back


def body(org: Organisation, **given: Any) -> dict[str, Any]:
    return {
        "kind": "entitlement.edit",
        "subject_id": str(org.entitlement.pk),
        "payload": {"longest_lease_seconds": 3600},
        "reason": "An hour is enough for that.",
        **given,
    }


class TestPropose:
    def test_makes_one_change_however_often_it_is_sent(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        first = api.post("/changes", body(org), Idempotency_Key="key-00000001")
        assert first.status_code == 201
        told = first.json()
        assert told["state"] == "proposed"
        assert told["differences"] == [
            {"field": "longest_lease_seconds", "label": "Longest lease", "before": "30 days", "after": "1 hour"}
        ]
        assert api.post("/changes", body(org), Idempotency_Key="key-00000001").json() == told
        assert ProposedChange.objects.count() == 1
        assert api.get("/changes?state=proposed").json()["items"][0]["reference"] == told["reference"]
        assert call(org.stranger).get("/changes").json()["items"] == []

    def test_says_what_is_wrong_at_the_field(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        for wrong, field in (
            ({"payload": {"longest_lease_seconds": "long"}}, "longest_lease_seconds"),
            ({"payload": {}}, "payload"),
            ({"kind": "entitlement.burn"}, "kind"),
            ({"reason": "No."}, "reason"),
        ):
            answer = api.post("/changes", body(org, **wrong))
            assert answer.status_code in {400, 422}, answer.content
            assert field in answer.content.decode()
        problem(call(org.requester, "read").post("/changes", body(org)), 403, "denied")


class TestActs:
    def test_are_decided_at_their_steps(self, org: Organisation, call: Call) -> None:
        change = edited(org.entitlement, org.requester)
        (step,) = steps_of(change)
        api = call(org.owner)
        assert api.get("/approval-steps/waiting").json()["items"][0]["subject_id"] == str(change.pk)
        problem(call(org.requester).post(f"/approval-steps/{step}/approve", {"reason": "Mine."}), 404, "not_found")
        assert api.post(f"/approval-steps/{step}/approve", {"reason": "Fine."}).status_code == 200
        assert api.get(f"/changes/{change.pk}").json()["state"] == "applied"

    def test_withdraw_and_answer_are_the_proposers(self, org: Organisation, call: Call) -> None:
        change = edited(org.entitlement, org.requester)
        ask_back(steps_of(change)[0], org.owner)
        answer = {"question": str(Question.objects.get().pk), "answer": "All of them."}
        api, where = call(org.requester), f"/changes/{change.pk}"
        assert [one["question"] for one in api.get(where).json()["questions"]] == ["Which books?"]
        problem(call(org.owner).post(f"{where}/answer", answer), 403, "denied")
        problem(call(org.stranger).post(f"{where}/withdraw"), 404, "not_found")
        assert api.post(f"{where}/answer", answer).json()["questions"] == []
        assert api.post(f"{where}/withdraw", {"reason": "Not now"}).json()["state"] == "withdrawn"

    def test_comments_are_read_by_whoever_sees_the_change(self, org: Organisation, call: Call) -> None:
        change = edited(org.entitlement, org.requester)
        route = call(org.requester).get(f"/changes/{change.pk}").json()["route_id"]
        where = f"/approval-routes/{route}/comments"
        assert call(org.owner).post(where, {"text": "See the ticket."}).status_code == 201
        assert call(org.requester).get(where).json()["items"][0]["text"] == "See the ticket."
        problem(call(org.stranger).get(where), 404, "not_found")
