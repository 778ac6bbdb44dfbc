"""What every operation does alike: who may call, how it refuses, what is sent twice or has changed meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache, caches
from django.core.cache.backends.redis import RedisCache
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import idempotency
from governance.api.parsing import StrictJSONParser
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.errors import Denied
from governance.core.locking import locked, unit_of_work
from governance.core.moves import amend
from governance.grants.models import Grant
from governance.identities import actions as identities
from governance.lifecycle.actions import end_identity
from governance.requests.models import AccessRequest
from governance.users.models import ApiToken, ApiTokenUse
from tests import builders
from tests.api.conftest import Api, Call
from tests.builders import Organisation

PROBLEM = "application/problem+json"


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is, which says so in every way."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    said: dict[str, Any] = response.json()
    assert (said["status"], said["code"], said["type"]) == (status, code, f"urn:leasehold:problem:{code}")
    assert said["title"]
    assert said["detail"]
    return said


def in_a_thread(send: Callable[[], Any]) -> Any:
    """The answer to what is sent on a thread of its own, whose connection is closed then."""
    try:
        return send()
    finally:
        connection.close()


def until_somebody_waits(seconds: float = 30) -> None:
    """Go on once a statement waits for a lock; fail if none ever does."""
    until = time.monotonic() + seconds
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    pytest.fail("nobody waits")


def wish(org: Organisation, **changes: Any) -> dict[str, Any]:
    body = {
        "beneficiary": str(org.requester.pk),
        "entitlements": [str(org.entitlement.pk)],
        "purpose": str(org.purpose.pk),
        "justification": "The books must balance by tonight.",
        "term_seconds": 7200,
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


class TestToken:
    def test_signs_its_holder_in_and_says_when_it_was_used(self, org: Organisation, call: Call) -> None:
        assert call(org.requester).get("/grants").status_code == 200
        assert ApiTokenUse.objects.get().last_used_at is not None

    def test_that_is_missing_or_not_accepted_is_401(self, org: Organisation) -> None:
        for given in ({}, {"Authorization": "Bearer lh_nonsense"}, {"Authorization": "Basic YTpi"}):
            response = Client().get("/api/v1/grants", headers=given)
            problem(response, 401, "not_authenticated")
            assert response["WWW-Authenticate"].startswith("Bearer")

    def test_is_refused_from_its_end_on(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            problem(api.get("/grants"), 401, "not_authenticated")

    def test_is_refused_as_soon_as_it_is_revoked(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        token = ApiToken.objects.get()
        identities.revoke_token(token_id=token.pk, actor=builders.actor(org.requester), now=timezone.now())
        problem(api.get("/grants"), 401, "not_authenticated")

    def test_is_refused_once_its_holder_has_left(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        security = builders.actor(org.stranger, Role.SECURITY)
        end_identity(identity_id=org.requester.pk, actor=security, reason="Left", now=timezone.now())
        problem(api.get("/grants"), 401, "not_authenticated")

    def test_of_a_machine_acts_as_the_machine(self, org: Organisation, call: Call) -> None:
        machine = builders.machine(org.owner)
        builders.account(machine, org.system)
        api = call(machine)
        filed = api.post("/requests", wish(org, beneficiary=str(machine.pk)))
        assert filed.status_code == 201, filed.content
        event = AuditEvent.objects.get(action="access_request.submitted")
        assert (event.actor_kind, event.actor_id) == ("machine", machine.pk)

    def test_does_no_more_than_its_scopes(self, org: Organisation, call: Call) -> None:
        grant = builders.live_grant(org.submit())
        reads = call(org.requester, "read")
        assert reads.get("/grants").status_code == 200
        said = problem(reads.post(f"/grants/{grant.pk}/hand-back"), 403, "denied")
        assert "end" in said["detail"]
        problem(reads.post("/requests", wish(org)), 403, "denied")
        problem(call(org.requester, "end").get("/grants"), 403, "denied")
        assert Grant.objects.get(pk=grant.pk).state == "active"


class TestSession:
    def test_reads(self, org: Organisation) -> None:
        client = Client()
        client.force_login(org.requester.user, backend="allauth.account.auth_backends.AuthenticationBackend")  # type: ignore[arg-type]
        assert client.get("/api/v1/grants").status_code == 200

    def test_changes_nothing_without_the_token_against_forged_requests(self, org: Organisation) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(org.requester.user, backend="allauth.account.auth_backends.AuthenticationBackend")  # type: ignore[arg-type]
        response = client.post("/api/v1/requests", json.dumps(wish(org)), "application/json")
        problem(response, 403, "denied")
        assert not AccessRequest.objects.exists()

    def test_of_an_account_without_an_identity_is_refused_as_a_problem(self, org: Organisation) -> None:
        from governance.users.models import User  # noqa: PLC0415

        user = User.objects.create_user("nobody", "nobody@example.com", None, name="Nobody")
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        problem(client.get("/api/v1/grants"), 403, "denied")


class TestRefusals:
    def test_are_problems_also_where_there_is_nothing(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        problem(api.get("/nothing"), 404, "not_found")
        problem(api.get("/grants/not-an-id"), 404, "not_found")
        problem(api.get(f"/grants/{uuid4()}"), 404, "not_found")
        problem(Client().get("/api/"), 404, "not_found")

    def test_name_the_methods_that_there_are(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        for method in ("put", "patch", "delete", "options"):
            response = getattr(api.client, method)("/api/v1/grants")
            problem(response, 405, "method_not_allowed")
            assert response["Allow"] == "GET, HEAD"

    def test_come_before_other_types_than_json(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        problem(api.get("/grants", Accept="text/html"), 406, "not_acceptable")
        response = api.client.post("/api/v1/requests", "a=b", "application/x-www-form-urlencoded")
        problem(response, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "sent",
        [
            b"{",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"reason": NaN}',
            b'{"reason": "a", "reason": "b"}',
            b'{"reason": 1' + b"0" * 5000 + b"}",
            b'"text"',
            b"null",
            b"[]",
            b'{"reason": "\\u0000"}',
            b'{"reason": "\\ud800"}',
            b'{"\\ud800": "a"}',
            b'{"reason": 7}',
            b'{"reason": ["a"]}',
            b'{"reason": "a", "more": true}',
        ],
    )
    def test_are_clear_about_what_is_no_body(self, org: Organisation, call: Call, sent: bytes) -> None:
        api = call(org.requester)
        response = api.client.post(f"/api/v1/grants/{uuid4()}/revoke", sent, "application/json")
        problem(response, 400, "malformed")

    def test_are_clear_about_too_much(self, org: Organisation, call: Call) -> None:
        sent = json.dumps({"reason": "a" * 2_000_000})
        response = call(org.requester).client.post(f"/api/v1/grants/{uuid4()}/revoke", sent, "application/json")
        problem(response, 413, "too_large")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("state=bogus", "state"),
            ("nothing=1", "nothing"),
            ("state=", "state"),
            ("state=active&state=revoked", "state"),
            ("q=%00", "q"),
            ("q=" + "a" * 201, "q"),
            ("limit=0", "limit"),
            ("limit=1e3", "limit"),
            ("limit=" + "9" * 100, "limit"),
        ],
    )
    def test_name_the_parameter_that_is_wrong(self, org: Organisation, call: Call, query: str, field: str) -> None:
        said = problem(call(org.requester).get(f"/grants?{query}"), 400, "malformed")
        assert [error["field"] for error in said["errors"]] == [field]

    def test_name_one_of_two_places(self, org: Organisation, call: Call) -> None:
        said = problem(call(org.requester).get("/grants?after=1&before=2"), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["before"]

    @pytest.mark.parametrize("place", ["nonsense", "1~2", "9" * 150, "%E2%82%AC", "-1.5"])
    def test_name_a_place_that_is_none(self, org: Organisation, call: Call, place: str) -> None:
        response = call(org.requester).get(f"/grants?after={place}")
        assert response.status_code in {200, 422}
        if response.status_code == 422:
            assert problem(response, 422, "invalid")["errors"][0]["field"] == "after"
        else:
            assert response.json()["items"] == []

    def test_survive_an_encoding_that_is_none(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        for charset in ("utf-16", "latin-1", "nonsense"):
            response = api.client.generic("POST", "/api/v1/requests?q=1", b"{}", f"application/json; charset={charset}")
            problem(response, 400, "malformed")

    def test_of_what_nobody_expected_tell_nothing(
        self, org: Organisation, call: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from governance.grants import permissions  # noqa: PLC0415

        def broken(*_: Any) -> Any:
            raise RuntimeError("the password is 1234")

        api = call(org.requester)
        monkeypatch.setattr(permissions, "listed", broken)
        said = problem(api.get("/grants"), 500, "failed")
        assert "1234" not in json.dumps(said)


class TestLimits:
    def test_say_when_to_come_back(self, org: Organisation, call: Call, settings: Any) -> None:
        settings.API_LIMITS = {"read": 2, "change": 1, "refused": 1}
        api = call(org.requester)
        for _ in range(2):
            assert api.get("/purposes").status_code == 200
        response = api.get("/purposes")
        problem(response, 429, "too_many_requests")
        assert 1 <= int(response["Retry-After"]) <= 60
        assert call(org.owner).get("/purposes").status_code == 200

    def test_count_what_is_refused_as_well(self, org: Organisation, call: Call, settings: Any) -> None:
        settings.API_LIMITS = {"read": 1, "change": 1, "refused": 1}
        api = call(org.requester, "end")
        problem(api.get("/grants"), 403, "denied")
        problem(api.get("/grants"), 429, "too_many_requests")

    def test_are_one_for_all_tokens_of_a_caller(self, org: Organisation, call: Call, settings: Any) -> None:
        settings.API_LIMITS = {"read": 1, "change": 1, "refused": 1}
        assert call(org.requester).get("/purposes").status_code == 200
        problem(call(org.requester).get("/purposes"), 429, "too_many_requests")

    def test_hold_for_tokens_that_are_not_accepted(self, org: Organisation, settings: Any) -> None:
        settings.API_LIMITS = {"read": 1, "change": 1, "refused": 1}
        problem(Api("lh_nonsense").get("/purposes"), 401, "not_authenticated")
        problem(Api("lh_nonsense").get("/purposes"), 429, "too_many_requests")

    def test_for_tokens_that_are_not_accepted_are_each_visitors_own_behind_a_proxy(
        self, org: Organisation, settings: Any
    ) -> None:
        settings.API_LIMITS = {"read": 1, "change": 1, "refused": 1}
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
        for address, status in (("192.0.2.1", 401), ("192.0.2.2", 401), ("192.0.2.1", 429)):
            assert Api("lh_nonsense").get("/purposes", X_Forwarded_For=address).status_code == status


class TestEntityTag:
    def test_spares_the_answer_to_who_has_it(self, org: Organisation, call: Call) -> None:
        grant, api = builders.live_grant(org.submit()), call(org.requester)
        tag = api.get(f"/grants/{grant.pk}")["ETag"]
        again = api.get(f"/grants/{grant.pk}", If_None_Match=f'"other", {tag}')
        assert (again.status_code, again.content) == (304, b"")
        assert api.get(f"/grants/{grant.pk}", If_None_Match='"other"').status_code == 200

    def test_guards_a_change_against_what_has_changed_since(self, org: Organisation, call: Call) -> None:
        request, api = org.submit(), call(org.requester)
        seen = api.get(f"/requests/{request.pk}")["ETag"]
        builders.approve_all(request)
        problem(api.post(f"/requests/{request.pk}/withdraw", If_Match=seen), 412, "precondition_failed")
        other = org.submit(purpose_id=builders.purpose(org.owner, org.entitlement).pk)
        seen = api.get(f"/requests/{other.pk}")["ETag"]
        done = api.post(f"/requests/{other.pk}/withdraw", If_Match=seen)
        assert done.status_code == 200, done.content
        assert done.json()["state"] == "withdrawn"
        assert done["ETag"] == api.get(f"/requests/{other.pk}")["ETag"] != seen


class TestIdempotencyKey:
    def test_answers_the_second_time_as_the_first(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        first = api.post("/requests", wish(org), Idempotency_Key="key-00000001")
        again = api.post("/requests", wish(org), Idempotency_Key="key-00000001")
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert (again["Idempotent-Replayed"], again["Location"], again["ETag"]) == (
            "true",
            first["Location"],
            first["ETag"],
        )
        assert AccessRequest.objects.count() == 1

    def test_is_for_one_request_alone(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        assert api.post("/requests", wish(org), Idempotency_Key="key-00000001").status_code == 201
        other = wish(org, justification="For another reason entirely.")
        problem(api.post("/requests", other, Idempotency_Key="key-00000001"), 422, "invalid")

    def test_is_the_callers_own(self, org: Organisation, call: Call) -> None:
        api, other = call(org.requester), call(org.owner)
        builders.account(org.owner, org.system)
        assert api.post("/requests", wish(org), Idempotency_Key="key-00000001").status_code == 201
        theirs = other.post("/requests", wish(org, beneficiary=str(org.owner.pk)), Idempotency_Key="key-00000001")
        assert theirs.status_code == 201, theirs.content
        assert AccessRequest.objects.count() == 2

    def test_still_holds_where_the_cache_has_lost_it(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        first = api.post("/requests", wish(org), Idempotency_Key="key-00000001")
        cache.clear()
        again = api.post("/requests", wish(org), Idempotency_Key="key-00000001")
        assert first.json()["id"] == again.json()["id"]
        assert AccessRequest.objects.count() == 1

    def test_of_another_request_is_refused_also_where_the_cache_has_lost_it(
        self, org: Organisation, call: Call
    ) -> None:
        api = call(org.requester)
        assert api.post("/requests", wish(org), Idempotency_Key="key-00000001").status_code == 201
        cache.clear()
        other = wish(org, justification="For another reason entirely.")
        said = problem(api.post("/requests", other, Idempotency_Key="key-00000001"), 422, "invalid")
        assert [error["field"] for error in said["errors"]] == ["Idempotency-Key"]

    def test_takes_nothing_back_where_the_cache_is_lost_meanwhile(self) -> None:
        sent = RequestFactory().post("/x", {}, "application/json", headers={"Idempotency-Key": "key-00000001"})
        request = Request(sent, parsers=[StrictJSONParser()])
        actor, kept = Actor.system("test"), caches["default"]

        def work() -> Response:
            caches["default"] = RedisCache("redis://127.0.0.1:1", {})
            return Response({"done": True}, status=201)

        def refuse() -> Response:
            work()
            raise Denied("Not this.")

        try:
            assert idempotency.once(request, actor, work).status_code == 201
            caches["default"] = kept
            cache.clear()
            with pytest.raises(Denied):
                idempotency.once(request, actor, refuse)
        finally:
            caches["default"] = kept

    def test_is_free_again_after_a_refusal(self, org: Organisation, call: Call) -> None:
        api = call(org.requester)
        problem(api.post("/requests", wish(org, purpose=str(uuid4())), Idempotency_Key="key-00000001"), 422, "invalid")
        assert api.post("/requests", wish(org), Idempotency_Key="key-00000001").status_code == 201

    def test_that_is_none_is_refused(self, org: Organisation, call: Call) -> None:
        problem(call(org.requester).post("/requests", wish(org), Idempotency_Key="no"), 400, "malformed")


@pytest.mark.django_db(transaction=True)
class TestTwins:
    def test_change_once(self, org: Organisation, call: Call, transactional_db: None) -> None:
        """Twenty at once under one key: one is carried out, the others are told so or get its answer."""
        secret = call(org.requester).secret

        def send(_: int) -> int:
            again = partial(Api(secret).post, "/requests", wish(org), Idempotency_Key="key-00000001")
            return int(in_a_thread(again).status_code)

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(send, range(20)))
        assert set(statuses) <= {201, 409}
        assert 201 in statuses
        assert AccessRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestEntityTagInARace:
    def test_is_held_against_what_is_there_under_the_lock(
        self, org: Organisation, call: Call, transactional_db: None
    ) -> None:
        """Somebody else holds the request and changes what the caller has read, while the caller waits to withdraw."""
        request, api = org.submit(), call(org.requester)
        address = f"/requests/{request.pk}"
        seen = api.get(address)["ETag"]
        with ThreadPoolExecutor(1) as pool, unit_of_work():
            held = locked(AccessRequest.objects.all(), request.pk)
            waits = pool.submit(in_a_thread, lambda: api.post(f"{address}/withdraw", If_Match=seen))
            until_somebody_waits()
            amend(held, "reworded", actor=builders.BUILDER, why="", now=timezone.now(), justification="Other words.")
        problem(waits.result(), 412, "precondition_failed")
        assert AccessRequest.objects.get().state == "in_review"
