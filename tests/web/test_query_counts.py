"""How many queries each page takes, as `query_counts.json` has it: the same with ten rows and with thousands.

`UPDATE_QUERY_COUNTS=1` writes the file anew; a change of it is looked at in review.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.audit.models import AuditEvent
from governance.core.actor import Role
from governance.identities.models import Identity
from tests import builders, changing
from tests.builders import Organisation
from tests.web.conftest import Visit
from tests.web.crowd import Crowd

KEPT = Path(__file__).with_name("query_counts.json")
UPDATE = os.environ.get("UPDATE_QUERY_COUNTS") == "1"


def pages(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """Who looks at what."""
    org = crowd.org
    event = AuditEvent.objects.order_by("-sequence")[0]
    return {
        "home": (org.requester, reverse("home")),
        "home of a manager": (org.manager, reverse("home")),
        "request-new": (org.requester, reverse("request-new")),
        "request-list": (org.requester, reverse("request-list")),
        "request-list of an auditor": (auditor, reverse("request-list")),
        "request-detail": (org.requester, reverse("request-detail", args=[crowd.waiting.pk])),
        "approval-list": (org.manager, reverse("approval-list")),
        "approval-detail": (org.manager, reverse("approval-detail", args=[crowd.step.pk])),
        "grant-list": (org.requester, reverse("grant-list")),
        "grant-list of an owner": (org.owner, reverse("grant-list")),
        "grant-list of an auditor": (auditor, reverse("grant-list")),
        "grant-detail": (org.requester, reverse("grant-detail", args=[crowd.grant.pk])),
        "task-list": (org.owner, reverse("task-list")),
        "task-detail": (org.owner, reverse("task-detail", args=[crowd.task.pk])),
        "notification-list": (org.manager, reverse("notification-list")),
        "mfa_index": (org.manager, reverse("mfa_index")),
        "feed-run-list": (auditor, reverse("feed-run-list")),
        "feed-run-detail": (auditor, reverse("feed-run-detail", args=[crowd.run.pk])),
        "rule-list": (auditor, reverse("rule-list")),
        "rule-detail": (auditor, reverse("rule-detail", args=[org.rule.pk])),
        "rule-version": (auditor, reverse("rule-version", args=[org.rule.key, 1])),
        "replay-detail": (auditor, reverse("replay-detail", args=[crowd.replay.pk])),
        "event-list": (auditor, reverse("event-list")),
        "event-detail": (auditor, reverse("event-detail", args=[event.pk])),
        "delegation-list": (auditor, reverse("delegation-list")),
        "token-list": (org.requester, reverse("token-list")),
        **catalog(crowd, auditor),
        **separation(crowd, auditor),
        **stale(crowd, auditor),
        **resources(crowd, auditor),
    }


def catalog(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """The same of the catalog, of purposes, and of what is proposed to change in them."""
    org = crowd.org
    return {
        "bundle-list": (org.requester, reverse("bundle-list")),
        "bundle-detail": (org.requester, reverse("bundle-detail", args=[crowd.bundle.pk])),
        "api-bundle-list": (org.requester, reverse("api-bundle-list")),
        "api-bundle-detail": (org.requester, reverse("api-bundle-detail", args=[crowd.bundle.pk])),
        "purpose-list": (auditor, reverse("purpose-list")),
        "purpose-detail": (org.owner, reverse("purpose-detail", args=[org.purpose.pk])),
        "entitlement-list": (auditor, reverse("entitlement-list")),
        "entitlement-detail": (org.requester, reverse("entitlement-detail", args=[org.entitlement.pk])),
        "system-list": (org.requester, reverse("system-list")),
        "system-detail": (org.requester, reverse("system-detail", args=[org.system.pk])),
        "change-list": (org.requester, reverse("change-list")),
        "change-list of an owner": (org.owner, reverse("change-list")),
        "change-detail": (org.requester, reverse("change-detail", args=[crowd.change.pk])),
        "approval-detail of a change": (org.owner, reverse("approval-detail", args=changing.steps_of(crowd.change))),
    }


def separation(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """The same of the separation of duties, pages and API."""
    org = crowd.org
    return {
        "violation-list": (auditor, reverse("violation-list")),
        "violation-list of a holder": (org.requester, reverse("violation-list")),
        "violation-detail": (org.requester, reverse("violation-detail", args=[crowd.violation.pk])),
        "separation-rule-list": (auditor, reverse("separation-rule-list")),
        "separation-rule-detail": (auditor, reverse("separation-rule-detail", args=[crowd.apart.pk])),
        "separation-matrix": (auditor, reverse("separation-matrix")),
        "mitigation-list": (auditor, reverse("mitigation-list")),
        "mitigation-detail": (org.requester, reverse("mitigation-detail", args=[crowd.mitigation.pk])),
        "inclusion-list": (auditor, reverse("inclusion-list")),
        "api-violation-list": (auditor, reverse("api-violation-list")),
        "api-violation-detail": (org.requester, reverse("api-violation-detail", args=[crowd.violation.pk])),
        "api-separation-rule-list": (auditor, reverse("api-separation-rule-list")),
        "api-separation-version-list": (auditor, reverse("api-separation-version-list")),
        "api-mitigation-list": (auditor, reverse("api-mitigation-list")),
        "api-mitigation-detail": (org.requester, reverse("api-mitigation-detail", args=[crowd.mitigation.pk])),
        "api-inclusion-list": (auditor, reverse("api-inclusion-list")),
    }


def stale(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """The same of what surveys find."""
    org = crowd.org
    one, role = [crowd.finding.pk], [crowd.suggestion.pk]
    return {
        "finding-list": (auditor, reverse("finding-list")),
        "finding-list of an owner": (org.owner, reverse("finding-list")),
        "finding-detail": (org.owner, reverse("finding-detail", args=one)),
        "suggestion-list": (auditor, reverse("suggestion-list")),
        "suggestion-detail": (auditor, reverse("suggestion-detail", args=role)),
        "api-survey-list": (auditor, reverse("api-survey-list")),
        "api-finding-list": (org.owner, reverse("api-finding-list")),
        "api-finding-detail": (org.owner, reverse("api-finding-detail", args=one)),
        "api-suggestion-list": (auditor, reverse("api-suggestion-list")),
        "api-suggestion-detail": (auditor, reverse("api-suggestion-detail", args=role)),
    }


def resources(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """The same of the API."""
    org, event = crowd.org, AuditEvent.objects.order_by("-sequence")[0]
    return {
        "api-event-list": (auditor, reverse("api-event-list")),
        "api-event-detail": (auditor, reverse("api-event-detail", args=[event.pk])),
        "api-identity-list": (auditor, reverse("api-identity-list")),
        "api-identity-detail": (org.requester, reverse("api-identity-detail", args=[org.requester.pk])),
        "api-system-list": (org.requester, reverse("api-system-list")),
        "api-system-detail": (org.requester, reverse("api-system-detail", args=[org.system.pk])),
        "api-entitlement-list": (org.requester, reverse("api-entitlement-list")),
        "api-entitlement-detail": (org.requester, reverse("api-entitlement-detail", args=[org.entitlement.pk])),
        "api-purpose-list": (org.requester, reverse("api-purpose-list")),
        "api-purpose-detail": (org.requester, reverse("api-purpose-detail", args=[org.purpose.pk])),
        **rules(crowd, auditor),
        "api-request-list": (org.requester, reverse("api-request-list")),
        "api-request-list of an auditor": (auditor, reverse("api-request-list")),
        "api-request-detail": (org.requester, reverse("api-request-detail", args=[crowd.waiting.pk])),
        "api-approval-step-list": (org.manager, reverse("api-approval-step-list")),
        "api-approval-step-inbox": (org.manager, reverse("api-approval-step-inbox")),
        "api-approval-step-detail": (org.manager, reverse("api-approval-step-detail", args=[crowd.step.pk])),
        "api-change-list": (org.requester, reverse("api-change-list")),
        "api-change-detail": (org.requester, reverse("api-change-detail", args=[crowd.change.pk])),
        "api-grant-list": (org.requester, reverse("api-grant-list")),
        "api-grant-list of an owner": (org.owner, reverse("api-grant-list")),
        "api-grant-detail": (org.requester, reverse("api-grant-detail", args=[crowd.grant.pk])),
        "api-comment-list": (org.requester, reverse("api-comment-list", args=[crowd.step.route_id])),
        "api-manual-task-list": (org.owner, reverse("api-manual-task-list")),
        "api-manual-task-inbox": (org.owner, reverse("api-manual-task-inbox")),
        "api-manual-task-detail": (org.owner, reverse("api-manual-task-detail", args=[crowd.task.pk])),
        "api-notification-list": (org.manager, reverse("api-notification-list")),
        "api-notification-preferences": (org.manager, reverse("api-notification-preferences")),
        "api-source-list": (auditor, reverse("api-source-list")),
        "api-feed-run-list": (auditor, reverse("api-feed-run-list")),
        "api-feed-run-detail": (auditor, reverse("api-feed-run-detail", args=[crowd.run.pk])),
        "api-delegation-list": (auditor, reverse("api-delegation-list")),
        "api-delegation-detail": (org.owner, reverse("api-delegation-detail", args=[crowd.delegation.pk])),
        "api-token-list": (org.requester, reverse("api-token-list")),
        "api-grant-chain": (org.requester, reverse("api-grant-chain", args=[crowd.grant.pk])),
    }


def rules(crowd: Crowd, auditor: Identity) -> dict[str, tuple[Identity, str]]:
    """Those of policy."""
    org = crowd.org
    return {
        "api-replay-list": (auditor, reverse("api-replay-list")),
        "api-replay-detail": (auditor, reverse("api-replay-detail", args=[crowd.replay.pk])),
        "api-replay-finding-list": (auditor, reverse("api-replay-finding-list", args=[crowd.replay.pk])),
        "api-policy-example-list": (auditor, reverse("api-policy-example-list", args=[org.rule.pk])),
        "api-policy-rule-list": (auditor, reverse("api-policy-rule-list")),
        "api-policy-rule-detail": (auditor, reverse("api-policy-rule-detail", args=[org.rule.pk])),
        "api-policy-version-list": (auditor, reverse("api-policy-version-list", args=[org.rule.pk])),
        "api-policy-version-detail": (
            auditor,
            reverse("api-policy-version-detail", args=[org.rule.versions.get().pk]),
        ),
    }


def told(name: str, queries: list[dict[str, Any]], kept: int | None) -> str:
    """What a page asked, for whoever has to find the query too many."""
    lines = [f"  {query['sql'][:400]}" for query in queries]
    return "\n".join([f"{name}: {len(queries)} queries instead of {kept}", *lines])


@pytest.mark.parametrize("size", [10, 100, *(pytest.param(size, marks=pytest.mark.long) for size in (1000, 5000))])
class TestPages:
    def test_take_as_many_queries_as_are_on_record(self, org: Organisation, visit: Visit, size: int) -> None:
        auditor = builders.person("Auditor")
        builders.portal_role(auditor, Role.AUDITOR)
        crowd = Crowd(org, size)
        taken = {name: self._taken(visit, *page) for name, page in pages(crowd, auditor).items()}
        counts = {name: len(queries) for name, queries in taken.items()}
        if UPDATE and size == 10:
            KEPT.write_text(json.dumps(counts, indent=2) + "\n")
        kept = json.loads(KEPT.read_text())
        wrong = [name for name, count in counts.items() if kept.get(name) != count]
        assert not wrong, "\n".join(told(name, taken[name], kept.get(name)) for name in wrong)
        assert kept.keys() == counts.keys()

    def _taken(self, visit: Visit, who: Identity, address: str) -> list[dict[str, Any]]:
        client = visit(who)
        assert client.get(address).status_code == 200
        with CaptureQueriesContext(connection) as taken:
            client.get(address)
        return list(taken.captured_queries)
