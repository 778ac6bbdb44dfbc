"""What an administrator writes on the pages of policy."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from governance.analysis import tasks
from governance.policy.models import PolicyRuleVersion

WORDING = {
    "condition": "entitlement.risk == 'high'",
    "follows": "steps",
    "step-manager-asked": "on",
    "step-manager-required": "1",
    "step-security-asked": "on",
    "step-security-required": "2",
    "step-security-stage": "3",
    "cap": "7 days",
    "cadence": "90 days",
    "mode": "block",
    "reason": "{entitlement.name} is of high risk, for at most {cap}.",
    "priority": "150",
    "why": "The review asked for it",
}
RULE = {"key": "POL-50", "title": "High risk takes three", "owner": "", **WORDING}
EXAMPLE = {
    "title": "An agent asks for long",
    "applies": "yes",
    "outcome": "require_steps",
    "fact_1": "entitlement.risk",
    "value_1": "high",
    "fact_2": "request.term",
    "value_2": "90 days",
    "why": "It happened in May",
}


def made(client: Client, **changes: str) -> PolicyRuleVersion:
    response = client.post(reverse("rule-new"), {**RULE, **changes})
    assert response.status_code == 302, response.content.decode()
    return PolicyRuleVersion.objects.select_related("rule").get(rule__key="POL-50")


def rehearsed(client: Client, version: PolicyRuleVersion) -> None:
    """The version, replayed over a day."""
    client.post(reverse("rule-version-replay", args=[version.rule.key, version.number]), {"days": "1"})
    tasks.run_replay(str(version.replays.order_by("-number")[0].pk))


def page_of(client: Client, version: PolicyRuleVersion) -> str:
    address = reverse("rule-version", args=[version.rule.key, version.number])
    return client.get(address).content.decode()
