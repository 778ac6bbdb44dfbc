"""What is done with a step besides a plain yes or no, through the API."""

from __future__ import annotations

from base64 import b64encode
from datetime import time

from governance.approvals.actions import LONGEST_COMMENT
from governance.approvals.models import ApprovalStep, Calendar, Decision
from governance.core.actor import Role
from tests import builders
from tests.api.conftest import Call
from tests.api.test_frame import problem
from tests.builders import Organisation
from tests.delegations import delegated
from tests.handwork import PNG
from tests.leases import newcomer
from tests.rules.sql import run


def step_of(org: Organisation) -> ApprovalStep:
    return ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(org.submit())[0])


class TestAStepOfARoute:
    def test_says_how_it_is_answered_and_in_whose_place_one_is_asked(self, org: Organisation, call: Call) -> None:
        deputy = builders.person("Deputy")
        delegated(org.manager, deputy)
        shown = call(deputy).get(f"/approval-steps/{step_of(org).pk}").json()
        assert (shown["stage"], shown["everyone"], shown["skip_repeat"]) == (1, False, False)
        manager = {"id": str(org.manager.pk), "name": "Manager"}
        assert shown["asked"] == [{"id": str(deputy.pk), "name": "Deputy", "on_behalf_of": manager}]

    def test_has_the_files_of_the_steps_before(self, org: Organisation, call: Call) -> None:
        step = step_of(org)
        said = {"reason": "As agreed.", "file_name": "note.png", "content": b64encode(PNG).decode()}
        made = call(org.manager).post(f"/approval-steps/{step.pk}/approve", said).json()["decisions"][0]
        there = f"/approval-steps/{step.route.steps.get(position=2).pk}/decisions/{made['id']}/file"
        assert b"".join(call(org.owner).get(there).streaming_content) == PNG
        problem(call(org.stranger).get(there), 404, "not_found")


class TestAYesToLess:
    def test_is_said_in_seconds_with_its_ticket_and_its_file(self, org: Organisation, call: Call) -> None:
        api, where = call(org.manager), f"/approval-steps/{step_of(org).pk}"
        said = {
            "reason": "An hour will do.",
            "term_seconds": 3600,
            "ticket": "CHG-4711",
            "file_name": "note.png",
            "content": b64encode(PNG).decode(),
        }
        assert api.get(where).json()["allowed"] == {"term_seconds": 7200, "until": None}
        done = api.post(f"{where}/approve", said)
        assert done.status_code == 200, done.content
        assert done.json()["allowed"] is None
        (made,) = done.json()["decisions"]
        assert (made["term_seconds"], made["until"], made["ticket"]) == (3600, None, "CHG-4711")
        assert (made["file"]["name"], made["file"]["size"]) == ("note.png", len(PNG))
        file = api.get(f"{where}/decisions/{made['id']}/file")
        assert b"".join(file.streaming_content) == PNG
        problem(call(org.stranger).get(f"{where}/decisions/{made['id']}/file"), 404, "not_found")

    def test_is_less_than_was_asked(self, org: Organisation, call: Call) -> None:
        api, where = call(org.manager), f"/approval-steps/{step_of(org).pk}"
        refused = problem(api.post(f"{where}/approve", {"reason": "All.", "term_seconds": 7200}), 422, "invalid")
        assert [error["field"] for error in refused["errors"]] == ["term_seconds"]
        both = {"reason": "All.", "term_seconds": 60, "until": "2090-01-01T00:00:00Z"}
        problem(api.post(f"{where}/approve", both), 422, "invalid")
        problem(api.post(f"{where}/reject", {"reason": "No.", "term_seconds": 60}), 400, "malformed")
        problem(api.post(f"{where}/approve", {"reason": "Yes.", "file_name": "a.png"}), 422, "invalid")
        assert not Decision.objects.exists()


class TestAStep:
    def test_is_claimed_and_released(self, org: Organisation, call: Call) -> None:
        api, where = call(org.manager), f"/approval-steps/{step_of(org).pk}"
        assert api.post(f"{where}/claim").json()["claimed_by"]["name"] == "Manager"
        assert api.post(f"{where}/release").json()["claimed_by"] is None
        problem(api.post(f"{where}/release"), 409, "not_claimed")
        problem(call(org.stranger).post(f"{where}/claim"), 404, "not_found")
        problem(call(org.manager, "read").post(f"{where}/claim"), 403, "denied")

    def test_is_handed_on(self, org: Organisation, call: Call) -> None:
        api, where = call(org.manager), f"/approval-steps/{step_of(org).pk}"
        party = {"taker": str(org.requester.pk), "reason": "He knows."}
        refused = problem(api.post(f"{where}/reassign", party), 422, "invalid")
        assert [error["field"] for error in refused["errors"]] == ["taker"]
        done = api.post(f"{where}/reassign", {"taker": str(org.stranger.pk), "reason": "She knows."})
        assert [one["name"] for one in done.json()["asked"]] == ["Stranger"]
        problem(api.post(f"{where}/approve", {"reason": "Yes."}), 403, "denied")


class TestDecidingTogether:
    def test_answers_for_each(self, org: Organisation, call: Call) -> None:
        first = str(step_of(org).pk)
        newcomer(org)
        second = str(step_of(org).pk)
        api = call(org.manager)
        api.post(f"/approval-steps/{first}/reject", {"reason": "No."})
        said = {"steps": [first, second], "verdict": "approve", "reason": "Fits."}
        outcomes = api.post("/approval-steps/decide", said).json()["outcomes"]
        assert [(one["step"], one["code"]) for one in outcomes] == [(first, "already_decided"), (second, "")]
        assert outcomes[1]["decision"]["verdict"] == "approve"
        assert outcomes[0]["decision"] is None
        problem(api.post("/approval-steps/decide", {**said, "verdict": "return"}), 400, "malformed")
        problem(api.post("/approval-steps/decide", {**said, "steps": []}), 400, "malformed")


class TestReminding:
    def test_is_for_whoever_asked_once_a_day(self, org: Organisation, call: Call) -> None:
        step = step_of(org)
        where = f"/approval-routes/{step.route_id}/remind"
        problem(call(org.requester).post(where), 409, "too_soon")
        run("UPDATE governance_approvalstep SET opened_at = opened_at - interval '2 days' WHERE id = %s", step.pk)
        done = call(org.requester).post(where).json()
        assert done["route_id"] == str(step.route_id)
        assert done["remindable_from"] > done["reminded_at"]
        problem(call(org.manager).post(where), 403, "denied")
        problem(call(org.stranger).post(where), 404, "not_found")


class TestAMention:
    def test_is_told(self, org: Organisation, call: Call) -> None:
        where = f"/approval-routes/{step_of(org).route_id}/comments"
        made = call(org.requester).post(where, {"text": "@Manager, the ledger."}).json()
        assert made["mentioned"] == [str(org.manager.pk)]


class TestAComment:
    def test_is_as_long_as_on_its_page(self, org: Organisation, call: Call) -> None:
        where = f"/approval-routes/{step_of(org).route_id}/comments"
        problem(call(org.manager).post(where, {"text": "x" * (LONGEST_COMMENT + 1)}), 400, "malformed")
        assert call(org.manager).post(where, {"text": "x" * LONGEST_COMMENT}).status_code == 201


class TestCalendars:
    def test_are_read_by_those_who_oversee(self, org: Organisation, call: Call) -> None:
        kept = builders.keep(
            Calendar(name="Head office", zone="UTC", weekdays=[1], opens_at=time(9), closes_at=time(17), general=True)
        )
        watch = builders.person()
        builders.portal_role(watch, Role.AUDITOR)
        api = call(watch)
        (listed,) = api.get("/calendars").json()["items"]
        assert (listed["opens_at"], listed["weekdays"], listed["general"]) == ("09:00", [1], True)
        assert api.get(f"/calendars/{kept.pk}").json() == listed
        problem(call(org.manager).get("/calendars"), 404, "not_found")
