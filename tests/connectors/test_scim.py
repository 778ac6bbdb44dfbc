import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from governance.access.states import Observation
from governance.connectors.interface import Refused, Unreachable
from governance.connectors.scim import ScimConnector
from governance.core.errors import Invalid
from tests.harness.scim import PATCH, Answer, Application, Asked, Fault, Say, answers, settings

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def connector(application: Application, **more: Any) -> ScimConnector:
    return ScimConnector.from_settings(settings(application, **more))


def seen(application: Application, user: str, group: str, **more: Any) -> Observation:
    return connector(application, **more).observe(user, group).observation


def error(status: str, detail: str) -> bytes:
    return json.dumps({"schemas": [ERROR], "status": status, "detail": detail}).encode()


class TestSettings:
    @pytest.mark.parametrize(
        ("given", "wrong"),
        [
            ({"base_url": ""}, "base_url"),
            ({"base_url": "ftp://127.0.0.1/v2"}, "http or https"),
            ({"base_url": "https://ada:hunter2@127.0.0.1/v2"}, "no user"),
            ({"base_url": "https://:hunter2@127.0.0.1/v2"}, "no user"),
            ({"base_url": "https://127.0.0.1:hunter2/v2"}, "http or https"),
            ({"base_url": "https://127.0.0.1:99999/v2"}, "http or https"),
            ({"base_url": "https://[::1"}, "http or https"),
            ({"base_url": "http://127.0.0.1/v2", "private_address": False}, "begin with https"),
            ({"private_address": "yes"}, "true or false"),
            ({"token_env": "SECRET_KEY"}, "does not begin with TARGET_"),
            ({"token_env": "TARGET_UNSET"}, "not set"),
            ({"paging": "all"}, "index, cursor"),
        ],
    )
    def test_say_what_is_wrong(self, scim: Application, given: dict[str, Any], wrong: str) -> None:
        with pytest.raises(Invalid, match=wrong) as refusal:
            connector(scim, **given)
        assert "hunter2" not in refusal.value.message

    @pytest.mark.parametrize("token", ["hunter2\n", "hunter 2", "hünter2"])
    def test_take_no_token_that_a_complaint_would_quote(
        self, scim: Application, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        monkeypatch.setenv("TARGET_SCIM_TOKEN", token)
        with pytest.raises(Invalid, match="no bearer token") as refusal:
            connector(scim)
        assert "nter" not in refusal.value.message

    def test_may_name_the_variable_that_has_the_address(
        self, scim: Application, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TARGET_SCIM_URL", scim.url)
        given = {"base_url_env": "TARGET_SCIM_URL", "token_env": "TARGET_SCIM_TOKEN", "private_address": True}
        assert "groups" in ScimConnector.from_settings(given).check()

    def test_keep_a_public_application_from_being_at_a_private_address(self, scim: Application) -> None:
        public = ScimConnector.from_settings({"base_url": "https://localhost/v2", "token_env": "TARGET_SCIM_TOKEN"})
        with pytest.raises(Refused, match="private address"):
            public.check()


class TestChange:
    def test_leaves_what_others_have_added(self, scim: Application) -> None:
        first, second = scim.user(), scim.user()
        group = scim.group(first)
        connector(scim).ensure_present(second, group)
        assert scim.members(group) == [first, second]
        connector(scim).ensure_absent(second, group)
        assert scim.members(group) == [first]

    def test_takes_a_member_for_no_more_than_its_id(self, scim: Application) -> None:
        first, odd = scim.user(), 'x" or value pr or value eq "\\'
        group = scim.group(first, odd)
        connector(scim).ensure_absent(odd, group)
        assert scim.members(group) == [first]

    def test_is_never_a_put_of_the_whole_group(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        connector(lying_scim).ensure_present(user, group)
        connector(lying_scim).ensure_absent(user, group)
        assert {line.partition(" ")[0] for line in lying_scim.seen} == {"GET", "PATCH"}

    def test_starts_anew_when_somebody_else_was_quicker(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        others = [lying_scim.user(), lying_scim.user()]
        lying_scim.faults.append(between(lying_scim, group, others))
        connector(lying_scim).ensure_present(user, group)
        assert user in lying_scim.members(group)
        assert others == []
        assert sum("PATCH" in line for line in lying_scim.seen) == 3

    def test_gives_up_for_now_when_others_never_rest(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(between(lying_scim, group, [lying_scim.user() for _ in range(9)]))
        with pytest.raises(Unreachable, match="changed by others") as late:
            connector(lying_scim).ensure_present(user, group)
        assert not late.value.sent

    def test_refuses_a_user_and_a_group_that_are_gone(self, scim: Application) -> None:
        user, group = scim.user(), scim.group()
        with pytest.raises(Refused, match="no user with the id"):
            connector(scim).ensure_present("nobody", group)
        with pytest.raises(Refused, match="no group with the id"):
            connector(scim).ensure_present(user, "nothing")


class TestRequests:
    """What an answer means is settled by its status, and none ever means yes."""

    @pytest.mark.parametrize("method", ["PATCH", "GET"])
    @pytest.mark.parametrize("seconds", ["7", "Fri, 31 Dec 2100 23:59:59 GMT"])
    def test_that_are_too_many_wait_as_long_as_asked(self, lying_scim: Application, method: str, seconds: str) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        fault = answers(method, "429 Too Many Requests", error("429", "later"), Retry_After=seconds)
        lying_scim.faults.append(fault)
        with pytest.raises(Unreachable, match="patience") as late:
            connector(lying_scim).ensure_present(user, group)
        assert late.value.after == 7 if seconds == "7" else late.value.after > 1e6
        assert not late.value.sent

    @pytest.mark.parametrize("when", ["soon", "-1", "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"])
    def test_that_are_too_many_are_asked_again_whatever_they_say(self, lying_scim: Application, when: str) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers("GET", "429 Too Many Requests", Retry_After=when))
        with pytest.raises(Unreachable, match="patience") as late:
            connector(lying_scim).observe(user, group)
        assert late.value.after == 0

    @pytest.mark.parametrize(("method", "sent"), [("PATCH", True), ("GET", False)])
    def test_that_fail_may_have_reached_it(self, lying_scim: Application, method: str, sent: bool) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers(method, "500 Internal Server Error", error("500", "oops")))
        with pytest.raises(Unreachable) as failed:
            connector(lying_scim).ensure_present(user, group)
        assert failed.value.sent == sent

    @pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
    def test_that_are_not_allowed_are_refused(self, lying_scim: Application, status: str) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers("GET", status, error(status[:3], f"not {lying_scim.token}")))
        for call in (connector(lying_scim).ensure_present, connector(lying_scim).observe):
            with pytest.raises(Refused, match="token is not accepted") as refused:
                call(user, group)
            assert lying_scim.token not in refused.value.message

    def test_do_not_follow_redirects(self, lying_scim: Application, scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        elsewhere = f"{scim.url}/Groups/{group}"
        lying_scim.faults.append(answers("GET", "302 Found", Location=elsewhere))
        with pytest.raises(Refused, match="redirect"):
            connector(lying_scim).observe(user, group)

    def test_never_show_the_token_that_a_server_repeats(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        told = error("400", f"You said Bearer {lying_scim.token} and that is wrong")
        lying_scim.faults.append(answers("PATCH", "400 Bad Request", told))
        with pytest.raises(Refused, match="that is wrong") as refused:
            connector(lying_scim).ensure_present(user, group)
        assert lying_scim.token not in str(refused.value)

    @pytest.mark.parametrize(
        "body", [b"<html>It works!</html>", b"", b"[]", b'{"schemas":[]}', b'{"schemas":["x"],"id":"1"}']
    )
    def test_that_are_not_answered_in_scim_prove_nothing(self, lying_scim: Application, body: bytes) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers("GET", "200 OK", body))
        with pytest.raises((Unreachable, Refused)):
            connector(lying_scim).observe(user, group)

    def test_end_when_the_answer_has_no_end(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(endless(b"x" * 1024 * 1024))
        with pytest.raises(Unreachable, match="more than 16 MiB"):
            connector(lying_scim).observe(user, group)

    def test_end_in_time_when_the_answer_comes_a_byte_at_a_time(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(endless(b"x", pause=0.1))
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no whole answer within 1 seconds"):
            connector(lying_scim, connect_seconds=1, read_seconds=1, total_seconds=1).observe(user, group)
        assert time.monotonic() - began < 2

    def test_do_not_unpack_what_was_not_to_be_packed(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers("GET", "200 OK", b"x", Content_Encoding="gzip"))
        with pytest.raises(Unreachable, match="compressed"):
            connector(lying_scim).observe(user, group)


class TestObserve:
    def test_reads_a_user_who_is_gone_as_absent(self, scim: Application) -> None:
        user, group = scim.user(), scim.group()
        scim.ask("DELETE", f"/Users/{user}")
        assert seen(scim, user, group) == Observation.ABSENT

    def test_finds_a_group_by_its_id_whatever_it_is_called(self, scim: Application) -> None:
        user = scim.user()
        group = scim.group(user, name="Before")
        renamed = {"op": "replace", "path": "displayName", "value": "After"}
        scim.ask("PATCH", f"/Groups/{group}", schemas=[PATCH], Operations=[renamed])
        assert seen(scim, user, group) == Observation.PRESENT

    def test_follows_groups_within_groups_in_a_circle(self, scim: Application) -> None:
        user = scim.user()
        inner, middle, outer = scim.group(user, name="In"), scim.group(name="Mid"), scim.group(name="Out")
        for pair in ((inner, middle), (middle, outer), (outer, inner)):
            scim.join(*pair, "Group")
        look = connector(scim).observe(user, outer)
        assert look.observation == Observation.OTHER_PATH
        assert look.paths == (("In", "Mid", "Out"),)

    @pytest.mark.parametrize("paging", ["index", "cursor"])
    def test_reads_every_page_before_it_calls_a_group_gone(self, lying_scim: Application, paging: str) -> None:
        user = lying_scim.user()
        for _ in range(230):
            lying_scim.group()
        look = connector(lying_scim, paging=paging).observe(user, "gone")
        assert look.observation == Observation.ABSENT
        assert "among 230" in look.detail
        lists = [line for line in lying_scim.seen if line.startswith("GET /v2/Groups?")]
        assert len(lists) == 3
        assert all("excludedAttributes=members" in line for line in lists)
        assert all(("cursor=" in line) == (paging == "cursor") for line in lists)

    def test_does_not_call_gone_what_may_have_moved_to_another_page(self, lying_scim: Application) -> None:
        user, groups = lying_scim.user(), [lying_scim.group() for _ in range(150)]
        lying_scim.faults.append(shrinks(lying_scim, groups[:1]))
        look = connector(lying_scim).observe(user, "gone")
        assert look.observation == Observation.UNKNOWN
        assert "149 or 150 entries, and 149 were read" in look.detail

    def test_does_not_call_gone_what_a_proxy_does_not_find(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(answers("GET", "404 Not Found", b"<html>nginx</html>"))
        with pytest.raises(Unreachable):
            connector(lying_scim).observe(user, group)

    def test_does_not_call_gone_what_the_list_still_has(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.faults.append(only(f"/v2/Groups/{group}", "410 Gone", error("410", "gone")))
        look = connector(lying_scim).observe(user, group)
        assert look.observation == Observation.UNKNOWN
        assert "the list of groups has" in look.detail

    def test_does_not_know_when_user_and_group_disagree(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": user,
            "userName": "lena",
            "groups": [{"value": group, "type": "direct"}],
        }
        lying_scim.faults.append(only(f"/v2/Users/{user}", "200 OK", json.dumps(body).encode()))
        assert seen(lying_scim, user, group) == Observation.UNKNOWN

    def test_does_not_take_another_record_for_the_one_asked_for(self, lying_scim: Application) -> None:
        user, group, other = lying_scim.user(), lying_scim.group(), lying_scim.group()
        body = json.dumps(lying_scim.ask("GET", f"/Groups/{other}")).encode()
        lying_scim.faults.append(only(f"/v2/Groups/{group}", "200 OK", body))
        with pytest.raises(Refused, match="another record"):
            connector(lying_scim).observe(user, group)

    def test_takes_what_the_standard_does_not_know(self, lying_scim: Application) -> None:
        user, group = lying_scim.user(), lying_scim.group()
        lying_scim.ask("PUT", f"/Groups/{group}", **lying_scim.ask("GET", f"/Groups/{group}"))
        body = lying_scim.ask("GET", f"/Groups/{group}") | {"members": [{"value": user}], "colour": "red"}
        lying_scim.faults.append(only(f"/v2/Groups/{group}", "200 OK", json.dumps(body).encode()))
        assert seen(lying_scim, user, group) == Observation.PRESENT


class TestTLS:
    def test_is_with_nobody_whom_no_authority_vouches_for(self, lying_scim_over_tls: Application) -> None:
        with pytest.raises(Unreachable, match="certificate verify failed") as failed:
            connector(lying_scim_over_tls).ensure_present("lena", "readers")
        assert not failed.value.sent
        assert lying_scim_over_tls.seen == []

    def test_is_with_nobody_of_another_name(
        self, lying_scim_over_tls: Application, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(lying_scim_over_tls.certificate))
        assert "0 groups" in connector(lying_scim_over_tls).check()
        other = lying_scim_over_tls.url.replace("localhost", "127.0.0.1")
        lying_scim_over_tls.seen.clear()
        with pytest.raises(Unreachable, match="certificate verify failed"):
            connector(lying_scim_over_tls, base_url=other).check()
        assert lying_scim_over_tls.seen == []


def shrinks(application: Application, groups: list[str]) -> Fault:
    """One of the groups is deleted just before the second page is asked for."""

    def fault(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
        if "startIndex=101" in asked["QUERY_STRING"] and groups:
            application.ask("DELETE", f"/Groups/{groups.pop()}")

    return fault


def only(path: str, status: str, body: bytes) -> Fault:
    """This answer for one address."""

    def fault(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
        if asked["PATH_INFO"] != path:
            return None
        say(status, [("Content-Type", "application/scim+json"), ("Content-Length", str(len(body)))])
        return [body]

    return fault


def between(application: Application, group: str, others: list[str]) -> Fault:
    """Somebody else adds one of the others just before each PATCH."""
    guard = threading.Lock()

    def fault(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
        with guard:
            if asked["REQUEST_METHOD"] == "PATCH" and others:
                application.join(others.pop(), group)

    return fault


def endless(chunk: bytes, *, pause: float = 0.0) -> Fault:
    """An answer that never ends."""

    def chunks() -> Any:
        for _ in range(64):
            time.sleep(pause)
            yield chunk

    def fault(asked: Asked, say: Say, truly: Callable[[], Answer]) -> Any:
        say("200 OK", [("Content-Type", "application/scim+json")])
        return chunks()

    return fault
