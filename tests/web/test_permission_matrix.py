"""A stranger gets nothing: every address, asked by everybody, against a table that has to name each of them.

A cell is the status of the answer. A column of one figure stands for all five relations; the order of five is
holder, requester, owner, approver, unrelated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from governance.core.actor import Role
from tests import handwork
from tests.harness.undone import undone
from tests.web.conftest import enter
from tests.web.scene import RELATIONS, Scene

ROLES = (None, Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)

API = "api-"

BESIDES = ("claim", "release", "reassign")
"""What is done with a step besides deciding it."""

SOON = timezone.now() + timedelta(days=9)

WORDING = {"condition": "true", "outcomes": {"deny": True}, "reason": "No."}

TABLE = Path(__file__).with_name("permissions.txt")


@dataclass(frozen=True, eq=False)
class Row:
    """What everybody is to get from one address by one method."""

    route: str
    method: str
    anybody: int
    expected: dict[tuple[Role | None, str], int]


def rows() -> Iterator[Row]:
    for line in TABLE.read_text().splitlines()[1:]:
        route, method, anybody, *columns = (cell.strip() for cell in line.split("|"))
        expected = {
            (role, relation): status
            for role, column in zip(ROLES, columns, strict=True)
            for relation, status in zip(RELATIONS, _five(column), strict=True)
        }
        yield Row(route, method, int(anybody), expected)


def _five(column: str) -> list[int]:
    figures = [int(figure) for figure in column.split()]
    return figures * 5 if len(figures) == 1 else figures


def routes(resolver: URLResolver | None = None) -> Iterator[URLPattern]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from routes(entry)
        else:
            yield entry


def methods(route: URLPattern) -> set[str]:
    """The methods that an address takes, of those that browsers send."""
    view: Any = getattr(route.callback, "view_class", None)
    if view is None:
        return set(OF_FUNCTIONS[str(route.name)])
    return {method.upper() for method in ("get", "post") if method in view.http_method_names and hasattr(view, method)}


OF_FUNCTIONS = {
    "health_live": ["GET"],
    "health_ready": ["GET"],
    "persona-sign-in": ["POST"],
    "openid_connect_login": ["GET"],
    "openid_connect_callback": ["GET"],
}


def where(scene: Scene) -> dict[str, list[Any]]:
    """What stands in the addresses that name something."""
    return {
        "request-detail": [scene.waiting.pk],
        "request-withdraw": [scene.waiting.pk],
        "request-answer": [scene.returned.pk],
        "request-draft-discard": [scene.put_aside.pk],
        **{f"approval-{verb}": [scene.step.pk] for verb in ("detail", "approve", "reject", "return", *BESIDES)},
        "approval-file": [scene.proven.step_id, scene.proven.pk],
        "route-remind": [scene.step.route_id],
        "calendar-edit": [scene.calendar.pk],
        **{f"grant-{verb}": [scene.grant.pk] for verb in ("detail", "chain", "hand-back", "revoke")},
        **{f"task-{verb}": [scene.task.pk] for verb in ("detail", "done")},
        **{f"task-{verb}": [scene.done.pk] for verb in ("confirm", "send-back")},
        "task-evidence": [scene.done.pk, scene.done.evidence_id],
        "notification-open": [scene.said.pk],
        "route-comment": [scene.step.route_id],
        **{name: [scene.delegation.pk] for name in ("delegation-end", "api-delegation-detail", "api-delegation-end")},
        **{f"feed-run-{verb}": [scene.run.pk] for verb in ("detail", "accept", "discard")},
        "source-detail": [scene.source.pk],
        **where_policy(scene),
        **_of_separation(scene),
        "event-detail": [scene.event.pk],
        "token-revoke": [scene.token.pk],
        **where_api(scene),
        "event-proof": [scene.event.pk],
        "account_reset_password_from_key": ["1", "set-password"],
        "mfa_remove_webauthn": [1],
        "openid_connect_login": ["sso"],
        "openid_connect_callback": ["sso"],
        **where_changes(scene),
        **where_findings(scene),
        **where_break_glass(scene),
    }


def where_break_glass(scene: Scene) -> dict[str, list[Any]]:
    """The same of what was taken at once."""
    glasses = {"detail": scene.taken, "stop": scene.taken, "review": scene.unreviewed, "close": scene.closable}
    return {
        **{f"{of}break-glass-{verb}": [one.pk] for of in ("", "api-") for verb, one in glasses.items()},
        **{f"{of}exposure-rotate": [scene.exposure.pk] for of in ("", "api-")},
    }


def where_findings(scene: Scene) -> dict[str, list[Any]]:
    """The same of what surveys find."""
    return {
        **{f"{of}finding-{verb}": [scene.finding.pk] for of in ("", "api-") for verb in ("detail", "dismiss")},
        **{f"{of}suggestion-{verb}": [scene.suggestion.pk] for of in ("", "api-") for verb in ("detail", "dismiss")},
        "api-survey-detail": [scene.survey.pk],
    }


def where_changes(scene: Scene) -> dict[str, list[Any]]:
    """The same of approval steps, of proposed changes and of what they are about."""
    return {
        **{f"change-{verb}": [scene.change.pk] for verb in ("detail", "withdraw")},
        "change-answer": [scene.asked_about.pk],
        **{
            f"api-approval-step-{verb}": [scene.step.pk] for verb in ("detail", "approve", "reject", "return", *BESIDES)
        },
        "api-approval-step-file": [scene.proven.step_id, scene.proven.pk],
        "api-route-remind": [scene.step.route_id],
        "api-calendar-detail": [scene.calendar.pk],
        **{f"api-change-{verb}": [scene.change.pk] for verb in ("detail", "withdraw")},
        "api-change-answer": [scene.asked_about.pk],
        **{f"purpose-{verb}": [scene.grant.purpose_id] for verb in ("detail", "edit", "retire")},
        **{f"entitlement-{verb}": [scene.grant.entitlement_id] for verb in ("detail", "edit", "retire")},
        **{f"system-{verb}": [scene.system.pk] for verb in ("detail", "edit", "retire")},
        "entitlement-new": [scene.system.pk],
        **{f"{of}bundle-{verb}": [scene.bundle.pk] for of in ("", "api-") for verb in ("detail", "edit", "retire")},
    }


def where_api(scene: Scene) -> dict[str, list[Any]]:
    """The same of the API."""
    return {
        "api-identity-detail": [scene.people["holder"].pk],
        "api-system-detail": [scene.system.pk],
        "api-entitlement-detail": [scene.grant.entitlement_id],
        "api-purpose-detail": [scene.grant.purpose_id],
        **{f"api-request-{verb}": [scene.waiting.pk] for verb in ("detail", "withdraw")},
        "api-request-answer": [scene.returned.pk],
        **{f"api-request-draft-{verb}": [scene.put_aside.pk] for verb in ("detail", "save", "discard")},
        **{f"api-grant-{verb}": [scene.grant.pk] for verb in ("detail", "chain", "hand-back", "revoke")},
        **{f"{of}grant-{verb}": [scene.grant.pk] for of in ("", "api-") for verb in ("narrow", "renew")},
        "api-comment-list": [scene.step.route_id],
        **{f"api-manual-task-{verb}": [scene.task.pk] for verb in ("detail", "done")},
        **{f"api-manual-task-{verb}": [scene.done.pk] for verb in ("confirm", "send-back")},
        "api-manual-task-evidence": [scene.done.pk, scene.done.evidence_id],
        **{f"api-notification-{verb}": [scene.said.pk] for verb in ("detail", "read")},
        "api-source-detail": [scene.source.pk],
        **{f"api-feed-run-{verb}": [scene.run.pk] for verb in ("detail", "accept", "discard")},
        **{f"api-token-{verb}": [scene.token.pk] for verb in ("detail", "revoke")},
        **{f"api-event-{verb}": [scene.event.pk] for verb in ("detail", "proof")},
    }


def where_policy(scene: Scene) -> dict[str, list[Any]]:
    """The same of rules, their versions and what is rehearsed with them."""
    return {
        **{f"rule-{verb}": [scene.rule.pk] for verb in ("detail", "draft")},
        **{f"rule-version{verb}": [scene.rule.key, 1] for verb in ("", "-edit", "-replay", "-publish", "-retire")},
        "rule-version-by-id": [scene.version.pk],
        "rule-example-new": [scene.rule.pk],
        "rule-example-drop": [scene.example.pk],
        **{f"replay-{verb}": [scene.replay.pk] for verb in ("detail", "stop")},
        "api-policy-example-list": [scene.rule.pk],
        "api-policy-example-drop": [scene.example.pk],
        **{f"api-replay-{verb}": [scene.replay.pk] for verb in ("detail", "stop", "finding-list", "finding-export")},
        **{f"api-policy-{what}": [scene.rule.pk] for what in ("rule-detail", "version-list")},
        **{f"api-policy-version-{verb}": [scene.version.pk] for verb in ("detail", "redraft")},
    }


def _of_separation(scene: Scene) -> dict[str, list[Any]]:
    """The same of the separation of duties."""
    return {
        "violation-detail": [scene.violation.pk],
        **{f"separation-rule-{verb}": [scene.apart.pk] for verb in ("detail", "draft")},
        **{f"separation-version-{verb}": [scene.drafted.pk] for verb in ("by-id", "in-force", "discard")},
        "separation-version-retire": [scene.in_force.pk],
        "mitigation-new": [scene.apart.pk, scene.people["holder"].pk],
        **{f"mitigation-{verb}": [scene.proposed.pk] for verb in ("detail", "approve", "reject", "withdraw")},
        "mitigation-end": [scene.covering.pk],
        "inclusion-end": [scene.inclusion.pk],
        "api-violation-detail": [scene.violation.pk],
        **{f"api-separation-rule-{verb}": [scene.apart.pk] for verb in ("detail", "draft")},
        **{f"api-separation-version-{verb}": [scene.drafted.pk] for verb in ("detail", "discard")},
        **{f"api-mitigation-{verb}": [scene.proposed.pk] for verb in ("detail", "approve", "reject", "withdraw")},
        "api-mitigation-end": [scene.covering.pk],
        **{f"api-inclusion-{verb}": [scene.inclusion.pk] for verb in ("detail", "end")},
    }


def what(scene: Scene) -> dict[str, dict[str, Any]]:
    """What is sent: enough for whoever may send it."""
    told = {"reason": "It is as it should be."}
    reason = {**told, "acknowledged": "on"}
    return {
        "request-answer": {"question": scene.question.pk, "answer": "All of them."},
        "change-answer": {"question": scene.doubt.pk, "answer": "It was asked."},
        "api-change-answer": {"question": str(scene.doubt.pk), "answer": "It was asked."},
        **{f"approval-{verb}": reason for verb in ("approve", "reject", "return")},
        "approval-reassign": {**told, "taker": scene.deputy.email},
        "approval-together": {**told, "steps": [str(scene.step.pk)], "verdict": "approve"},
        **_of_leases(told),
        **{f"{what}-dismiss": {**told, "until": str(SOON.date())} for what in ("finding", "suggestion")},
        **{f"api-{what}-dismiss": {**told, "until": SOON.isoformat()} for what in ("finding", "suggestion")},
        "route-comment": {"text": "See the ticket."},
        "task-done": {"report": "It is done.", "evidence": handwork.a_file()},
        **{f"task-{verb}": {"judgement": "As the picture shows."} for verb in ("confirm", "send-back")},
        "feed-run-accept": reason,
        "api-policy-version-list": {**WORDING, "why": "It is time."},
        "api-policy-version-redraft": {**WORDING, "why": "It is time."},
        "api-policy-rule-check": WORDING,
        "rule-version-replay": {"days": 1},
        "rule-version-retire": {**told, "token": str(uuid4())},
        "rule-example-drop": told,
        "api-policy-example-drop": told,
        "api-policy-example-list": {"title": "One", "changed_facts": {}, "applies": True, "why": "It is time."},
        "api-replay-list": {"version": str(scene.version.pk), "days": 1},
        **_done_in_separation(told),
        **_new_in_separation(scene),
        "api-request-answer": {"question": str(scene.question.pk), "answer": "All of them."},
        **{f"api-approval-step-{verb}": told for verb in ("approve", "reject", "return")},
        "api-approval-step-reassign": {**told, "taker": str(scene.deputy.pk)},
        "api-approval-step-together": {**told, "steps": [str(scene.step.pk)], "verdict": "approve"},
        "api-delegation-list": _delegating(scene),
        "api-comment-list": {"text": "See the ticket."},
        "api-manual-task-done": {"report": "It is done.", "file_name": "a.txt", "content": "U2VlbiBpdC4="},
        "api-manual-task-send-back": {"judgement": "The picture is dark."},
        "api-feed-run-list": {"source": str(scene.source.pk), "file_name": "a.csv", "content": "U2VlbiBpdC4="},
        "api-notification-preferences": {"work": "daily", "outcome": "never", "end": "at_once", "digest_hour": 6},
    }


def _of_leases(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is sent about leases, and about those that were taken at once."""
    tomorrow = timezone.now() + timedelta(days=1)
    goes_on = {"justification": "It goes on for a while."}
    return {
        "grant-revoke": {**told, "acknowledged": "on"},
        "api-grant-revoke": told,
        "grant-narrow": {"until": f"{tomorrow:%Y-%m-%dT%H:%M}"},
        "grant-renew": {**goes_on, "token": str(uuid4()), "term": "7200"},
        "api-grant-narrow": {"until": f"{tomorrow:%Y-%m-%dT%H:%M:%SZ}"},
        "api-grant-renew": {**goes_on, "term_seconds": 7200},
        **{f"{of}break-glass-stop": told for of in ("", "api-")},
        "break-glass-review": {"done": "It was restarted.", "nothing_exposed": "on"},
        "api-break-glass-review": {"done": "It was restarted.", "nothing_exposed": True},
        **{f"{of}exposure-rotate": {"evidence": "The old one is refused."} for of in ("", "api-")},
    }


def _delegating(scene: Scene) -> dict[str, str]:
    """What is sent to have somebody decide who is asked nothing else."""
    terms = {"kind": "manager", "reason": "On holiday.", "ends_at": SOON.isoformat()}
    return {"delegate": str(scene.deputy.pk), **terms}


def _done_in_separation(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is sent about versions, mitigations and inclusions that there are."""
    decided = [f"mitigation-{verb}" for verb in ("approve", "reject", "withdraw", "end")]
    done = ["separation-version-discard", "inclusion-end", *decided]
    return {
        **{f"separation-version-{verb}": {**told, "token": str(uuid4())} for verb in ("in-force", "retire")},
        **{f"{place}{name}": told for place in ("", "api-") for name in done},
    }


def _new_in_separation(scene: Scene) -> dict[str, dict[str, Any]]:
    """What is sent to make rules, mitigations and inclusions through the API."""
    one, two = (str(pk) for pk in (scene.violation.left_id, scene.violation.right_id))
    owner, holder = (str(scene.people[name].pk) for name in ("owner", "holder"))
    said = {"left": [one], "right": [two], "severity": "low", "reason": "Because.", "why": "It is due."}
    end = f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}"
    words = {"reason": "Nobody else knows it.", "control": "Somebody looks at it.", "ends_at": end, "review_at": end}
    return {
        "api-separation-rule-list": {"key": "SOD-777", "title": "A rule", "owner": owner, **said},
        "api-separation-rule-draft": said,
        "api-mitigation-list": {"rule": str(scene.covering.rule_id), "identity": holder, **words},
        "api-inclusion-list": {"entitlement": one, "conferred": two, "reason": "It is so."},
    }


def drawn(role: Role | None, relation: str) -> list[Row]:
    """The rows in which the relation makes a difference to the role, and its share of the others."""
    share = RELATIONS.index(relation)
    return [
        row
        for number, row in enumerate(rows())
        if len({row.expected[role, other] for other in RELATIONS}) > 1 or number % len(RELATIONS) == share
    ]


def every(_role: Role | None, _relation: str) -> list[Row]:
    """All rows."""
    return list(rows())


def surprises(
    scene: Scene, client: Client, column: Callable[[Row], int], asked: Iterable[Row] | None = None
) -> dict[str, str]:
    """The addresses that answer otherwise than the table says; whatever they changed is undone."""
    client.raise_request_exception = False
    places, said = where(scene), what(scene)
    asked = rows() if asked is None else asked
    answers = {row: _status(client, row, places.get(row.route, []), said.get(row.route, {})) for row in asked}
    return {
        f"{row.method} {row.route}": f"{status} instead of {column(row)}"
        for row, status in answers.items()
        if status != column(row)
    }


def _status(client: Client, row: Row, place: list[Any], data: dict[str, Any]) -> int:
    session = dict(client.cookies)
    with undone():
        response = _sent(client, row, reverse(row.route, args=place), data)
    client.cookies.clear()
    client.cookies.update(session)
    return int(response.status_code)


def _sent(client: Client, row: Row, address: str, data: dict[str, Any]) -> Any:
    api = row.route.startswith(API)
    if row.method == "GET":
        return client.get(address, {} if api else data)
    return client.post(address, data, "application/json") if api else client.post(address, data)


@pytest.fixture(scope="module")
def _scene(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    with django_db_blocker.unblock(), undone():
        yield Scene()


@pytest.fixture
def scene(_scene: Scene) -> Iterator[Scene]:
    """The same company for everybody: what each does is undone."""
    cache.clear()  # rate limits of addresses, which every client here shares
    with undone():
        yield _scene


class TestMatrix:
    def test_has_a_row_for_every_route_and_method_and_no_other(self) -> None:
        there = {(str(route.name), method) for route in routes() for method in methods(route)}
        assert {(row.route, row.method) for row in rows()} == there

    def test_gives_strangers_nothing(self, scene: Scene) -> None:
        assert not surprises(scene, Client(), lambda row: row.anybody)

    @pytest.mark.parametrize("ask", [drawn, pytest.param(every, marks=pytest.mark.long)])
    @pytest.mark.parametrize("relation", RELATIONS)
    @pytest.mark.parametrize("role", ROLES, ids=lambda role: role or "person")
    def test_gives_what_role_and_relation_let_one_see(
        self, scene: Scene, role: Role | None, relation: str, ask: Callable[[Role | None, str], list[Row]]
    ) -> None:
        person = scene.play(relation, role)
        client = Client()
        assert person.user is not None
        enter(client, person.user)
        assert not surprises(scene, client, lambda row: row.expected[role, relation], ask(role, relation))


class TestMethods:
    def test_that_a_route_does_not_take_are_refused(self, scene: Scene) -> None:
        client = Client()
        person = scene.people["unrelated"]
        assert person.user is not None
        enter(client, person.user)
        places = where(scene)
        for route in routes():
            for method in {"GET", "POST"} - methods(route):
                address = reverse(str(route.name), args=places.get(str(route.name), []))
                assert client.generic(method, address).status_code == 405, route.name
