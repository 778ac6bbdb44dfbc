"""What people do day by day, through the API: notifications, comments, manual tasks, people feeds and tokens."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from uuid import UUID, uuid4

from django.core.cache import cache
from django.utils import timezone

from governance.access.models import Assignment
from governance.approvals.models import ApprovalStep, Comment
from governance.audit.models import AuditEvent
from governance.core.actor import Role
from governance.identities.models import Identity
from governance.lifecycle import feeds
from governance.lifecycle.models import FeedRun
from governance.notifications.models import MailPreference, Notification
from governance.provisioning.models import ManualTask
from governance.users.models import ApiToken
from tests import builders, handwork
from tests.apart import kept_apart, mitigated
from tests.api.conftest import Call
from tests.api.test_frame import problem
from tests.builders import Organisation, entitlement, keep, portal_role
from tests.changing import bundle
from tests.leases import approve
from tests.lifecycle.feeding import a_file, a_source, administrator, row


def base64(content: bytes) -> str:
    return b64encode(content).decode()


def step_of(org: Organisation) -> ApprovalStep:
    return ApprovalStep.objects.select_related("route").get(pk=builders.step_ids(org.submit())[0])


class TestNotifications:
    def test_are_ones_own_and_count_as_read_when_that_is_said(self, org: Organisation, call: Call) -> None:
        step = step_of(org)
        api = call(org.manager)
        told = api.get("/notifications?read=no").json()["items"]
        assert [one["subject_id"] for one in told] == [str(step.pk)]
        address = f"/notifications/{told[0]['id']}"
        assert api.get(address).json()["read_at"] is None
        problem(call(org.requester).get(address), 404, "not_found")
        problem(call(org.requester).post(f"{address}/read"), 404, "not_found")
        problem(call(org.manager, "read").post(f"{address}/read"), 403, "denied")
        first = api.post(f"{address}/read").json()["read_at"]
        assert api.post(f"{address}/read").json()["read_at"] == first is not None
        assert api.get("/notifications?read=no").json()["items"] == []

    def test_are_counted_as_read_together(self, org: Organisation, call: Call) -> None:
        step_of(org)
        api = call(org.manager)
        assert api.post("/notifications/read").json() == {"count": 1}
        assert api.post("/notifications/read").json() == {"count": 0}
        assert not Notification.objects.filter(recipient=org.manager, read_at__isnull=True).exists()

    def test_come_by_mail_as_their_reader_chooses(self, org: Organisation, call: Call) -> None:
        api = call(org.manager)
        usual = api.get("/notifications/preferences")
        assert (usual.json()["work"], usual.json()["addresses"]) == ("at_once", [org.manager.email])
        choice = {"work": "daily", "outcome": "never", "end": "at_once", "digest_hour": 6}
        assert api.post("/notifications/preferences", choice).json() == {**choice, "addresses": [org.manager.email]}
        assert MailPreference.objects.get().identity == org.manager
        assert api.get("/notifications/preferences")["ETag"] != usual["ETag"]
        for wrong in ({"digest_hour": 24}, {"work": "hourly"}, {"addresses": ["elsewhere@example.com"]}):
            problem(api.post("/notifications/preferences", {**choice, **wrong}), 400, "malformed")


class TestObstacles:
    def test_are_told_of_a_step_as_things_are_now(self, org: Organisation, call: Call) -> None:
        step, other = step_of(org), entitlement(org.system, org.owner)
        api, where = call(org.manager), f"/approval-steps/{step.pk}"
        before = api.get(where)
        assert before.json()["obstacles"] == []
        keep(Assignment(account=org.account, entitlement=other, wanted=True))
        rule = kept_apart(org.entitlement, other, owner=org.backup)
        (told,) = api.get(where).json()["obstacles"]
        assert (told["text"].startswith(f"{rule.key}: "), told["covered"]) == (True, "")
        problem(api.post(f"{where}/approve", {"reason": "Fits."}, If_Match=before["ETag"]), 412, "precondition_failed")
        problem(api.post(f"{where}/approve", {"reason": "Fits."}), 409, "objection")
        covers = mitigated(rule, org.requester)
        (told,) = api.get(where).json()["obstacles"]
        assert told["covered"].startswith(f"{covers} covers it until ")
        assert api.post(f"{where}/approve", {"reason": "Fits."}).json()["obstacles"] == []


class TestSeparationRules:
    def test_name_entitlements_and_bundles(self, org: Organisation, call: Call) -> None:
        portal_role(org.stranger, Role.ADMINISTRATOR)
        other, api = entitlement(org.system, org.owner), call(org.stranger)
        held = bundle(org.entitlement, org.owner, org.manager)
        said = {
            "key": "SOD-700",
            "title": "Reading and paying",
            "owner": str(org.owner.pk),
            "left_bundles": [str(held.pk)],
            "severity": "high",
            "reason": "Whoever reads does not pay.",
            "why": "The auditors ask for it.",
        }
        problem(api.post("/separation-rules", said), 422, "invalid")
        made = api.post("/separation-rules", {**said, "right": [str(other.pk)]})
        assert made.status_code == 201, made.content
        (version,) = api.get("/separation-versions").json()["items"]
        assert (version["left"], version["left_bundles"]) == ([], [str(held.pk)])
        assert (version["right"], version["right_bundles"]) == ([str(other.pk)], [])


class TestComments:
    def test_are_read_by_who_sees_the_request_and_made_by_whom_it_concerns(self, org: Organisation, call: Call) -> None:
        step = step_of(org)
        address = f"/approval-routes/{step.route_id}/comments"
        asked = call(org.manager).get(f"/approval-steps/{step.pk}").json()
        assert (asked["route_id"], asked["consents"]) == (str(step.route_id), False)
        made = call(org.manager).post(address, {"text": "See the ticket. "})
        assert (made.status_code, made.json()["author"]["name"]) == (201, "Manager"), made.content
        assert call(org.requester).post(address, {"text": "I see."}).status_code == 201
        told = call(org.requester).get(address).json()["items"]
        assert [one["text"] for one in told] == ["See the ticket.", "I see."]
        problem(call(org.stranger).get(address), 404, "not_found")
        problem(call(org.stranger).post(address, {"text": "Hm."}), 404, "not_found")
        problem(call(org.manager).post(address, {"text": " "}), 422, "invalid")
        problem(call(org.manager, "read", "decide").post(address, {"text": "Hm."}), 403, "denied")
        assert AuditEvent.objects.filter(action="comment.made").count() == 2

    def test_are_made_once_under_one_key_also_where_the_cache_has_lost_it(self, org: Organisation, call: Call) -> None:
        api, address = call(org.manager), f"/approval-routes/{step_of(org).route_id}/comments"
        first = api.post(address, {"text": "See the ticket."}, Idempotency_Key="key-00000001")
        cache.clear()
        again = api.post(address, {"text": "See the ticket."}, Idempotency_Key="key-00000001")
        assert first.json() == again.json()
        cache.clear()
        said = problem(api.post(address, {"text": "Else."}, Idempotency_Key="key-00000001"), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["Idempotency-Key"]
        assert Comment.objects.count() == 1


class TestConsents:
    def test_are_given_as_approvals_are_and_never_count_as_one(self, org: Organisation, call: Call) -> None:
        machine = builders.machine(org.owner, backup=org.backup)
        builders.account(machine, org.system)
        builders.rule("identity_owner", "manager")
        api = call(machine)
        body = {
            "beneficiary": str(machine.pk),
            "entitlements": [str(org.entitlement.pk)],
            "purpose": str(org.purpose.pk),
            "justification": "The books must balance by tonight.",
            "term_seconds": 7200,
        }
        filed = api.post("/requests", body)
        assert filed.status_code == 201, filed.content
        first, step, _ = filed.json()["items"][0]["steps"]
        assert [first["consents"], step["consents"]] == [False, True]
        approve(UUID(first["id"]), org.boss)
        where, owner = f"/approval-steps/{step['id']}", call(org.owner)
        problem(owner.post(f"{where}/approve", {"reason": "It needs this."}), 403, "step_up_required")
        approve(UUID(step["id"]), org.owner)
        assert [one["verdict"] for one in owner.get(where).json()["decisions"]] == ["consent"]


def task_of(org: Organisation) -> ManualTask:
    return handwork.asked(org.requester, handwork.manual_system(org.owner, org.backup))


class TestManualTasks:
    def test_are_done_with_evidence_and_confirmed_by_somebody_else(self, org: Organisation, call: Call) -> None:
        task = task_of(org)
        address, api = f"/manual-tasks/{task.pk}", call(org.owner)
        waiting = api.get("/manual-tasks/waiting").json()["items"]
        assert [one["id"] for one in waiting] == [str(task.pk)]
        assert [one["name"] for one in api.get(address).json()["asked"]] == [org.owner.name]
        report = {"report": "The badge is out.", "file_name": "../badge.png", "content": base64(handwork.PNG)}
        problem(api.post(f"{address}/confirm"), 409, "already_decided")
        done = api.post(f"{address}/done", report)
        assert (done.status_code, done.json()["state"]) == (200, "done"), done.content
        file = done.json()["evidence"][0]
        assert (file["name"], file["media_type"]) == ("badge.png", "image/png")
        assert file["sha256"] == sha256(handwork.PNG).hexdigest()
        problem(api.post(f"{address}/confirm"), 403, "denied")
        back = call(org.backup)
        got = back.get(f"{address}/evidence/{file['id']}", Accept="image/png")
        assert b"".join(got.streaming_content) == handwork.PNG
        assert got["Content-Disposition"].startswith("attachment")
        problem(call(org.stranger).get(f"{address}/evidence/{file['id']}"), 404, "not_found")
        problem(back.get(f"{address}/evidence/{uuid4()}"), 404, "not_found")
        assert back.post(f"{address}/send-back", {"judgement": "It is dark."}).json()["state"] == "sent_back"
        assert api.post(f"{address}/done", report).status_code == 200
        confirmed = back.post(f"{address}/confirm", If_Match=back.get(address)["ETag"])
        assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed"), confirmed.content

    def test_name_what_is_wrong_with_a_file(self, org: Organisation, call: Call) -> None:
        address, api = f"/manual-tasks/{task_of(org).pk}/done", call(org.owner)
        report = {"report": "The badge is out.", "file_name": "badge.png"}
        for content in ("", "no base64", "====", 7):
            said = problem(api.post(address, {**report, "content": content}), 400, "malformed")
            assert [error["field"] for error in said["errors"]] == ["content"]
        large = base64(bytes(10 * 1024 * 1024 + 1))
        problem(api.post(address, {**report, "content": large}), 400, "malformed")
        problem(api.post(address, {**report, "content": "A" * 16_000_000}), 413, "too_large")
        said = problem(api.post(address, {**report, "content": base64(b"MZ\0\0")}), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["content"]

    def test_need_their_scope(self, org: Organisation, call: Call) -> None:
        problem(call(org.owner, "read").post(f"/manual-tasks/{task_of(org).pk}/confirm"), 403, "denied")


def an_administrator() -> Identity:
    person = builders.person("Ada")
    builders.portal_role(person, Role.ADMINISTRATOR)
    return person


class TestFeeds:
    def test_lead_from_a_file_to_people(self, org: Organisation, call: Call) -> None:
        api, source = call(an_administrator()), a_source(administrator())
        assert [one["key"] for one in api.get("/sources").json()["items"]] == [source.key]
        assert api.get(f"/sources/{source.pk}").json()["statuses"]["left"] == "ended"
        file = {"source": str(source.pk), "file_name": "people.csv", "content": base64(a_file(row("A"), row("B"), "x"))}
        read = api.post("/feed-runs", file)
        assert (read.status_code, read.json()["state"]) == (201, "proposed"), read.content
        assert [one["key"] for one in read.json()["created"]] == ["A", "B"]
        assert (read.json()["foreseen"]["rejected"], read.json()["done"]) == (1, None)
        assert read.json()["rejected"][0]["reason"]
        address = read["Location"].removeprefix("/api/v1")
        assert api.get(address)["ETag"] == read["ETag"]
        accepted = api.post(f"{address}/accept", If_Match=read["ETag"])
        assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted"), accepted.content
        feeds.apply(run_id=FeedRun.objects.get().pk, actor=administrator(), now=timezone.now())
        done = api.get(address).json()
        assert (done["state"], done["done"]["created"], done["failed"]) == ("applied", 2, [])
        problem(api.post(f"{address}/discard"), 409, "illegal_move")

    def test_hold_a_file_for_a_reason_and_may_be_discarded(self, org: Organisation, call: Call) -> None:
        api, by = call(an_administrator()), administrator()
        source = a_source(by, most_ended=0)
        file = {"source": str(source.pk), "file_name": "people.csv"}
        first = api.post("/feed-runs", {**file, "content": base64(a_file(row("A")))}).json()
        api.post(f"/feed-runs/{first['id']}/accept")
        feeds.apply(run_id=first["id"], actor=by, now=timezone.now())
        held = api.post("/feed-runs", {**file, "content": base64(a_file(row("A", status="left")))}).json()
        assert (held["state"], [one["name"] for one in held["ended"]]) == ("held", ["Person A"])
        said = problem(api.post(f"/feed-runs/{held['id']}/accept"), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["reason"]
        assert api.post(f"/feed-runs/{held['id']}/discard").json()["state"] == "discarded"

    def test_are_for_administrators_and_to_be_looked_at_by_auditors(self, org: Organisation, call: Call) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        source = a_source(administrator())
        file = {"source": str(source.pk), "file_name": "people.csv", "content": base64(a_file(row("A")))}
        problem(call(auditor).post("/feed-runs", file), 403, "denied")
        problem(call(org.owner).post("/feed-runs", file), 404, "not_found")
        assert call(org.owner).get("/sources").json()["items"] == []
        ada = an_administrator()
        problem(call(ada, "read").post("/feed-runs", file), 403, "denied")
        for wrong in ({"source": str(uuid4())}, {"content": base64(b"nothing,of,this")}):
            said = problem(call(ada).post("/feed-runs", {**file, **wrong}), 422, "invalid")
            assert [error["field"] for error in said["errors"]] == list(wrong)
        assert not FeedRun.objects.exists()


class TestTokens:
    def test_are_told_without_their_secret_to_whom_they_belong(self, org: Organisation, call: Call) -> None:
        machine = builders.machine(org.owner)
        of_machine, of_owner = call(machine), call(org.owner)
        told = of_owner.get("/tokens").json()["items"]
        assert [one["holder"]["name"] for one in told] == [org.owner.name, machine.name]
        assert [one["holder"]["id"] for one in of_machine.get("/tokens").json()["items"]] == [str(machine.pk)]
        assert call(org.stranger).get("/tokens").json()["items"][0]["holder"]["id"] == str(org.stranger.pk)
        assert of_owner.secret.split("_", 2)[2] not in json.dumps(told)
        problem(call(org.stranger).get(f"/tokens/{told[0]['id']}"), 404, "not_found")

    def test_end_also_by_themselves(self, org: Organisation, call: Call) -> None:
        machine = builders.machine(org.owner)
        api = call(machine)
        own = ApiToken.objects.get(identity_id=machine.pk)
        problem(call(machine, "read").post(f"/tokens/{own.pk}/revoke"), 403, "denied")
        problem(api.post(f"/tokens/{uuid4()}/revoke"), 404, "not_found")
        done = api.post(f"/tokens/{own.pk}/revoke")
        assert (done.status_code, done.json()["state"]) == (200, "revoked"), done.content
        problem(api.get("/tokens"), 401, "not_authenticated")
        event = AuditEvent.objects.get(action="api_token.revoked")
        assert (event.actor_kind, event.actor_id) == ("machine", machine.pk)

    def test_end_no_others_and_make_none(self, org: Organisation, call: Call) -> None:
        machine, other = builders.machine(org.owner), builders.machine(org.owner)
        call(other)
        theirs = ApiToken.objects.get(identity_id=other.pk)
        problem(call(machine).post(f"/tokens/{theirs.pk}/revoke"), 404, "not_found")
        problem(call(org.owner).post("/tokens", {"name": "More"}), 405, "method_not_allowed")
        assert ApiToken.objects.get(pk=theirs.pk).state == "active"
