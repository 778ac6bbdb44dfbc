"""Every act that takes If-Match looks again at what the caller has seen when it holds its locks, and writes nothing
before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from governance.api.bases import ActEndpoint
from governance.api.urls import urlpatterns
from governance.audit.models import AuditEvent
from governance.core.actor import Actor, Role
from governance.core.locking import require_unit_of_work
from tests import builders, handwork
from tests.web.scene import Scene
from tests.web.test_permission_matrix import WORDING

Case = tuple[Actor, UUID, Mapping[str, Any]]


class OtherwiseError(Exception):
    """It is not as it was seen."""


def otherwise() -> None:
    require_unit_of_work()
    raise OtherwiseError


def acts() -> dict[str, type[ActEndpoint]]:
    """The acts that take If-Match, by the name of their address."""
    views: dict[str, Any] = {str(getattr(route, "name", "")): route.callback for route in urlpatterns}
    found = {name: view.view_class for name, view in views.items() if issubclass(view.view_class, ActEndpoint)}
    return {name: view for name, view in found.items() if view.operations["POST"].conditional}


def cases(scene: Scene) -> dict[str, Case]:
    """Who may do each, to what, and what is sent."""
    holder, requester, owner, approver = (
        builders.actor(scene.people[name]) for name in ("holder", "requester", "owner", "approver")
    )
    admin = builders.actor(scene.people["unrelated"], Role.ADMINISTRATOR)
    why, judged = {"reason": "It is as it should be."}, {"judgement": "As the picture shows."}
    report = {"report": "It is done.", "file_name": "badge.png", "content": handwork.PNG}
    until = timezone.now() + timedelta(days=30)
    return {
        "api-request-withdraw": (requester, scene.waiting.pk, why),
        "api-request-answer": (requester, scene.returned.pk, {"question": scene.question.pk, "answer": "All."}),
        **of_approvals(approver, scene, why),
        **{f"api-request-draft-{verb}": (requester, scene.put_aside.pk, {}) for verb in ("save", "discard")},
        "api-grant-narrow": (holder, scene.grant.pk, {**why, "until": timezone.now() + timedelta(hours=1)}),
        "api-grant-hand-back": (holder, scene.grant.pk, why),
        "api-grant-revoke": (owner, scene.grant.pk, why),
        "api-manual-task-done": (owner, scene.task.pk, report),
        **{f"api-manual-task-{verb}": (owner, scene.done.pk, judged) for verb in ("confirm", "send-back")},
        **{f"api-feed-run-{verb}": (admin, scene.run.pk, why) for verb in ("accept", "discard")},
        "api-token-revoke": (holder, scene.token.pk, {}),
        "api-change-withdraw": (requester, scene.change.pk, why),
        "api-change-answer": (requester, scene.asked_about.pk, {"question": scene.doubt.pk, "answer": "It was asked."}),
        "api-policy-version-redraft": (
            admin,
            scene.version.pk,
            {**WORDING, "priority": 100, "mode": "block", "why": "It is time."},
        ),
        "api-policy-example-drop": (admin, scene.example.pk, why),
        "api-replay-stop": (admin, scene.replay.pk, why),
        "api-finding-dismiss": (owner, scene.finding.pk, {**why, "until": until}),
        "api-suggestion-dismiss": (admin, scene.suggestion.pk, {**why, "until": until}),
        **of_separation(scene, why),
        **of_break_glass(scene, why),
    }


def of_approvals(approver: Actor, scene: Scene, why: Mapping[str, Any]) -> dict[str, Case]:
    """The same of what is decided, and by whom."""
    return {
        **{
            f"api-approval-step-{verb}": (approver, scene.step.pk, {**why, "ticket": ""})
            for verb in ("approve", "reject", "return")
        },
        **{f"api-approval-step-{verb}": (approver, scene.step.pk, {}) for verb in ("claim", "release")},
        "api-approval-step-reassign": (approver, scene.step.pk, {**why, "taker": scene.deputy.pk}),
        "api-delegation-end": (approver, scene.delegation.pk, why),
    }


def of_separation(scene: Scene, why: Mapping[str, Any]) -> dict[str, Case]:
    """The same of the separation of duties."""
    admin, owner, approver = (
        builders.actor(scene.people[name], *roles)
        for name, roles in (("unrelated", [Role.ADMINISTRATOR]), ("owner", []), ("approver", []))
    )
    return {
        "api-separation-version-discard": (admin, scene.drafted.pk, why),
        **{f"api-mitigation-{verb}": (owner, scene.proposed.pk, why) for verb in ("approve", "reject")},
        "api-mitigation-withdraw": (approver, scene.proposed.pk, why),
        "api-mitigation-end": (owner, scene.covering.pk, why),
        "api-inclusion-end": (admin, scene.inclusion.pk, why),
    }


def of_break_glass(scene: Scene, why: Mapping[str, Any]) -> dict[str, Case]:
    """The same of what was taken at once."""
    owner = builders.actor(scene.people["owner"])
    security = builders.actor(scene.people["unrelated"], Role.SECURITY)
    return {
        "api-break-glass-stop": (security, scene.taken.pk, why),
        "api-break-glass-review": (owner, scene.unreviewed.pk, {"done": "It was restarted.", "nothing_exposed": True}),
        "api-break-glass-close": (owner, scene.closable.pk, why),
        "api-exposure-rotate": (owner, scene.exposure.pk, {"evidence": "The old one is refused."}),
    }


class TestActs:
    def test_look_again_under_their_locks_before_they_write(self, db: None) -> None:
        known = cases(Scene())
        assert known.keys() == acts().keys()
        written = AuditEvent.objects.count()
        for name, (actor, pk, given) in known.items():
            act = acts()[name]()
            act.actor, act.now = actor, timezone.now()
            with pytest.raises(OtherwiseError):
                act.act(pk, given, otherwise)
            assert AuditEvent.objects.count() == written, name
