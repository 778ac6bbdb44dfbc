"""What each resource tells and lets one do."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from governance.api.requests import PolicyShape
from governance.audit.actions import seal
from governance.audit.models import AuditEvent
from governance.audit.moves import redact
from governance.audit.queries import proof_of
from governance.core.actor import Role
from governance.grants.models import Grant
from governance.policy.models import PolicyDecision
from governance.policy.states import Mode
from governance.requests.models import AccessRequest
from tests import builders, changing
from tests.api.conftest import Call
from tests.api.test_frame import problem, wish
from tests.builders import Organisation
from tests.lifecycle import cataloguing
from tests.web.conftest import enter
from tests.web.crowd import Crowd

if TYPE_CHECKING:
    from pathlib import Path


class TestLists:
    def test_go_on_page_by_page_there_and_back(self, org: Organisation, call: Call) -> None:
        Crowd(org, 7)
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        api = call(auditor)
        whole = [row["id"] for row in api.get("/grants").json()["items"]]
        seen, last, address = [], {}, "/api/v1/grants?limit=3"
        while address:
            last = api.client.get(address).json()
            seen += [row["id"] for row in last["items"]]
            address = last["next"]
        assert seen == whole
        back = api.client.get(last["previous"]).json()
        assert [row["id"] for row in back["items"]] == whole[-len(last["items"]) - 3 : -len(last["items"])]

    def test_keep_their_filters_from_page_to_page(self, org: Organisation, call: Call) -> None:
        Crowd(org, 7)
        page = call(org.requester).get("/entitlements?q=Role&limit=2").json()
        assert "q=Role" in page["next"]


class TestCatalog:
    def test_says_what_is_managed_from_files(self, org: Organisation, call: Call, tmp_path: Path) -> None:
        changing.bundle(org.entitlement, org.owner, org.requester)
        cataloguing.export(tmp_path)
        api, places = call(org.requester), ("systems", "entitlements", "bundles", "purposes")
        assert {api.get(f"/{place}").json()["items"][0]["managed_from"] for place in places} == {None}
        cataloguing.apply(tmp_path)
        assert [api.get(f"/{place}").json()["items"][0]["managed_from"] for place in places] == [
            f"systems/{org.system.key}.yaml",
            f"systems/{org.system.key}.yaml",
            "bundles/books.yaml",
            f"purposes/{org.purpose.reference}.yaml",
        ]

    def test_is_told_to_whoever_may_ask(self, org: Organisation, call: Call) -> None:
        api = call(org.stranger)
        assert api.get(f"/systems/{org.system.pk}").json()["key"] == org.system.key
        told = api.get(f"/entitlements/{org.entitlement.pk}").json()
        assert (told["key"], told["longest_lease_seconds"]) == (org.entitlement.key, 30 * 24 * 3600)
        assert "connector" not in json.dumps(told)
        assert api.get(f"/purposes/{org.purpose.pk}").json()["reference"] == org.purpose.reference

    def test_keeps_a_retired_system_to_its_owner_and_those_who_oversee(self, org: Organisation, call: Call) -> None:
        retired = builders.system(org.owner, state="retired")
        problem(call(org.stranger).get(f"/systems/{retired.pk}"), 404, "not_found")
        assert call(org.owner).get(f"/systems/{retired.pk}").status_code == 200

    def test_keeps_a_purpose_that_is_over_to_its_owner(self, org: Organisation, call: Call) -> None:
        over = builders.purpose(org.owner, state="retired")
        problem(call(org.stranger).get(f"/purposes/{over.pk}"), 404, "not_found")
        assert call(org.owner).get(f"/purposes/{over.pk}").status_code == 200

    def test_is_narrowed_to_what_a_purpose_may_be_for(self, org: Organisation, call: Call) -> None:
        other = builders.entitlement(org.system, org.owner)
        api = call(org.stranger)
        assert len(api.get(f"/purposes?justifies={org.entitlement.pk}").json()["items"]) == 1
        assert api.get(f"/purposes?justifies={other.pk}").json()["items"] == []


class TestIdentities:
    def test_are_oneself_ones_reports_and_what_one_owns(self, org: Organisation, call: Call) -> None:
        machine = builders.machine(org.manager, backup=org.backup)
        told = {row["name"]: row for row in call(org.manager).get("/identities").json()["items"]}
        assert set(told) == {org.manager.name, org.requester.name, machine.name}
        assert [one["name"] for one in told[machine.name]["owners"]] == [org.manager.name]
        assert [one["name"] for one in told[machine.name]["backup_owners"]] == [org.backup.name]


class TestRequests:
    def test_lead_from_asking_to_a_grant(self, org: Organisation, call: Call) -> None:
        filed = call(org.requester).post("/requests", wish(org))
        assert filed.status_code == 201, filed.content
        request = AccessRequest.objects.get()
        assert filed["Location"] == f"/api/v1/requests/{request.pk}"
        for person in (org.manager, org.owner):
            api = call(person)
            step = api.get("/approval-steps/waiting").json()["items"][0]
            assert step["subject_id"] == filed.json()["items"][0]["id"]
            done = api.post(f"/approval-steps/{step['id']}/approve", {"reason": "Fits."})
            assert (done.status_code, done.json()["state"]) == (200, "approved"), done.content
        told = call(org.requester).get(f"/requests/{request.pk}").json()
        assert (told["state"], told["items"][0]["state"]) == ("decided", "approved")
        assert told["items"][0]["grant_id"] == str(Grant.objects.get().pk)
        event = AuditEvent.objects.filter(action="decision.approve").order_by("sequence")[0]
        assert event.content is not None
        assert event.content["assurance"] == 1

    def test_are_foreseen_without_being_stored(self, org: Organisation, call: Call) -> None:
        told = call(org.requester, "read").post("/requests/preview", wish(org)).json()
        assert [step["asked"] for step in told["steps"]] == [[org.manager.name], [org.owner.name]]
        assert told["items"][0]["policy"]["allowed"] is True
        assert told["refusals"] == []
        assert not AccessRequest.objects.exists()

    def test_tell_warnings_and_not_what_is_only_recorded(self, org: Organisation, call: Call) -> None:
        builders.rule(deny=True, mode=Mode.WARN, says="Careful.")
        builders.rule(deny=True, mode=Mode.RECORD, says="On trial.")
        foreseen = call(org.requester, "read").post("/requests/preview", wish(org)).json()
        filed = call(org.requester).get(f"/requests/{org.submit().pk}").json()
        for told in (foreseen, filed):
            said = told["items"][0]["policy"]
            assert said["allowed"] is True
            assert [one["text"] for one in said["reasons"] if one["mode"] == "warn"] == ["Careful."]
            assert "On trial." not in [one["text"] for one in said["reasons"]]
            assert said["cadence_seconds"] == 90 * 86400
            assert (said["risk"]["tier"], said["risk"]["score"]) == ("moderate", 35)
            assert said["risk"]["factors"] == [
                {"name": "entitlement of moderate risk", "weight": 20},
                {"name": "production", "weight": 15},
            ]

    def test_tell_decisions_that_are_older_than_modes_cadence_and_risk(self) -> None:
        old = {"rule": "POL-01", "version": 1, "outcome": "deny", "text": "No."}
        told = PolicyShape(PolicyDecision(allowed=False, cap=timedelta(1), facts={}, reasons=[old])).data
        assert (told["cadence_seconds"], told["risk"]) == (None, None)
        assert [dict(reason) for reason in told["reasons"]] == [{**old, "mode": "block"}]

    def test_name_the_field_that_is_wrong(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)

        def fields(**changes: Any) -> list[str]:
            said = problem(api.post("/requests", wish(org, **changes)), 422, "invalid")
            return [error["field"] for error in said["errors"]]

        assert fields(beneficiary=str(org.stranger.pk)) == ["beneficiary"]
        assert fields(purpose=str(uuid4())) == ["purpose"]
        assert fields(entitlements=[str(uuid4())]) == ["entitlements"]
        assert fields(term_seconds=None) == ["term"]
        assert fields(term_seconds=None, until="2020-01-01T00:00:00Z") == ["until"]

    def test_are_answered_and_withdrawn_by_their_requester(self, org: Organisation, call: Call) -> None:
        request, api = org.submit(), call(org.requester)
        step = builders.step_ids(request)[0]
        call(org.manager).post(f"/approval-steps/{step}/return", {"reason": "Which ones?"})
        question = api.get(f"/requests/{request.pk}").json()["questions"][0]
        answer = {"question": question["id"], "answer": "All of them."}
        problem(call(org.manager).post(f"/requests/{request.pk}/answer", answer), 403, "denied")
        other = {**answer, "question": str(uuid4())}
        said = problem(api.post(f"/requests/{request.pk}/answer", other), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["question"]
        assert api.post(f"/requests/{request.pk}/answer", answer).json()["questions"] == []
        problem(api.post(f"/requests/{uuid4()}/answer", answer), 404, "not_found")
        assert api.post(f"/requests/{request.pk}/withdraw").json()["state"] == "withdrawn"
        problem(api.post(f"/requests/{request.pk}/withdraw"), 409, "already_decided")


class TestGrants:
    def test_tell_their_chain_of_custody(self, org: Organisation, call: Call) -> None:
        grant = builders.live_grant(org.submit())
        told = call(org.requester).get(f"/grants/{grant.pk}/chain").json()
        assert [told["entries"][0]["kind"], told["entries"][-1]["kind"]] == ["requested", "present"]
        assert all(len(entry["leaf_hash"]) == 64 for entry in told["entries"])

    def test_are_handed_back_by_their_holder_alone(self, org: Organisation, call: Call) -> None:
        grant = builders.live_grant(org.submit())
        problem(call(org.manager).post(f"/grants/{grant.pk}/hand-back"), 403, "denied")
        done = call(org.requester).post(f"/grants/{grant.pk}/hand-back")
        assert (done.status_code, done.json()["state"]) == (200, "revoking")

    def test_are_revoked_by_no_token(self, org: Organisation, call: Call) -> None:
        grant, api = builders.live_grant(org.submit()), call(org.owner)
        problem(api.post(f"/grants/{grant.pk}/revoke"), 400, "malformed")
        problem(api.post(f"/grants/{grant.pk}/revoke", {"reason": " "}), 422, "invalid")
        problem(api.post(f"/grants/{grant.pk}/revoke", {"reason": "Not needed."}), 403, "step_up_required")

    def test_are_revoked_with_a_reason_in_a_strong_session(self, org: Organisation) -> None:
        grant = builders.live_grant(org.submit())
        address = f"/api/v1/grants/{grant.pk}/revoke"
        client, owner = Client(), org.owner.user
        assert owner is not None
        enter(client, owner)
        answer = client.post(address, {"reason": "Not needed."}, content_type="application/json")
        assert answer.json()["state"] == "revoking"


class TestExports:
    def test_are_the_lists_that_one_may_see(self, org: Organisation, call: Call) -> None:
        grant = builders.live_grant(org.submit())
        response = call(org.requester).get("/grants/export?format=csv&state=active", Accept="text/csv")
        assert response["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))
        assert [row["id"] for row in rows] == [str(grant.pk)]
        empty = call(org.stranger).get("/grants/export?format=jsonl")
        assert b"".join(empty.streaming_content) == b""

    def test_are_recorded_with_who_and_which_filters(self, org: Organisation, call: Call) -> None:
        b"".join(call(org.stranger).get("/systems/export?format=jsonl&risk=moderate").streaming_content)
        event = AuditEvent.objects.get(action="export.ended")
        assert event.content is not None
        facts = {"list": "systems", "form": "jsonl", "filters": {"risk": "moderate"}, "rows": 1, "whole": True}
        assert (event.actor_id, event.content["facts"]) == (org.stranger.pk, facts)

    def test_need_their_scope_and_a_form(self, org: Organisation, call: Call) -> None:
        problem(call(org.requester, "read").get("/grants/export?format=csv"), 403, "denied")
        problem(call(org.requester).get("/grants/export"), 400, "malformed")
        problem(call(org.requester).get("/grants/export?format=xlsx"), 400, "malformed")
        problem(call(org.requester).get("/grants/export?format=csv&after=1"), 400, "malformed")
        assert not AuditEvent.objects.filter(action="export.begun").exists()


class TestAuditEvents:
    def test_are_for_those_who_answer_for_the_portal(self, org: Organisation, call: Call) -> None:
        first = AuditEvent.objects.order_by("sequence")[0]
        for address in ("/audit-events", f"/audit-events/{first.pk}", f"/audit-events/{first.pk}/proof"):
            problem(call(org.owner).get(address), 404, "not_found")

    def test_tell_the_line_that_the_leaf_is_a_hash_of(self, org: Organisation, call: Call) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        api, event = call(auditor), AuditEvent.objects.order_by("sequence")[0]
        problem(api.get(f"/audit-events/{event.pk}/proof"), 404, "not_found")
        assert api.get(f"/audit-events/{event.pk}").json()["sealed"] is False
        told = api.get(f"/audit-events?subject={event.subject_id}").json()["items"][-1]
        assert told["leaf_hash"] == sha256(b"\0" + told["line"].encode()).hexdigest() == bytes(event.leaf_hash).hex()
        redact(event, actor=builders.BUILDER, why="A name that must go", now=timezone.now())
        assert api.get(f"/audit-events/{event.pk}").json()["line"] is None

    def test_are_filtered_by_moments_of_any_offset(self, org: Organisation, call: Call) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        for moment, status in (("2026-11-21T18:00:00-16:37", 200), ("9999-12-31T23:59:59-12:00", 400)):
            answer = call(auditor).get(f"/audit-events?until={moment}")
            assert answer.status_code == status, moment


@pytest.mark.django_db(transaction=True)
class TestProofOfAnEvent:
    def test_is_the_file_that_a_verifier_takes(self, call: Call) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        seal(now=timezone.now())
        event = AuditEvent.objects.order_by("sequence")[1]
        assert call(auditor).get(f"/audit-events/{event.pk}").json()["sealed"] is True
        proof = proof_of(event)
        assert proof is not None
        assert call(auditor).get(f"/audit-events/{event.pk}/proof").content.decode() == proof.text
