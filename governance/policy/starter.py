"""A small set of rules to begin with. An organisation replaces them by its own; docs/policy.md explains them.

The first four are the tiers of risk: each sets approvals, longest lease and cadence of review together. Data alone:
`moves.install` takes them through the same door as any other rule.
"""

from dataclasses import dataclass
from typing import Any, Final

HOUR, DAY = 3600, 86400
"""In seconds."""


@dataclass(frozen=True, slots=True)
class StarterRule:
    """A rule with what its first version says."""

    key: str
    title: str
    condition: str
    outcomes: dict[str, Any]
    reason: str
    priority: int = 100


def _steps(*kinds: str) -> list[dict[str, Any]]:
    return [{"kind": kind} for kind in kinds]


RULES: Final = (
    StarterRule(
        "POL-01",
        "Low risk needs nobody",
        "risk.tier == 'low'",
        {"allow_without_human": True, "cap_seconds": 365 * DAY, "cadence_seconds": 365 * DAY},
        "The risk is low, with a score of {risk.score}: the purpose is approval enough, for at most {cap}.",
    ),
    StarterRule(
        "POL-02",
        "Moderate risk is the manager's decision and lasts half a year",
        "risk.tier == 'moderate'",
        {"steps": _steps("manager"), "cap_seconds": 180 * DAY, "cadence_seconds": 180 * DAY},
        "The risk is moderate, with a score of {risk.score}: a manager decides, for at most {cap}.",
    ),
    StarterRule(
        "POL-03",
        "High risk takes three decisions and lasts a week",
        "risk.tier == 'high'",
        {
            "steps": _steps("manager", "entitlement_owner", "system_owner"),
            "cap_seconds": 7 * DAY,
            "cadence_seconds": 90 * DAY,
        },
        "The risk is high, with a score of {risk.score}: three people decide, for at most {cap}.",
    ),
    StarterRule(
        "POL-04",
        "Critical risk takes security as well and lasts a working day",
        "risk.tier == 'critical'",
        {
            "steps": _steps("manager", "entitlement_owner", "system_owner", "security"),
            "cap_seconds": 8 * HOUR,
            "cadence_seconds": 30 * DAY,
        },
        "The risk is critical, with a score of {risk.score}: four people decide, for at most {cap}.",
    ),
    StarterRule(
        "POL-05",
        "What is of moderate risk in production takes its owner's decision as well",
        "entitlement.risk == 'moderate' && system.environment == 'production'",
        {"steps": _steps("manager", "entitlement_owner")},
        "{entitlement.name} is of moderate risk in production: its owner decides as well.",
    ),
    StarterRule(
        "POL-06",
        "What has been held for a year is its owner's decision again",
        "now - access.continuous_since >= duration('8760h')",
        {"steps": _steps("entitlement_owner")},
        "{identity.name} has held this without a break since {access.continuous_since}: its owner decides as well.",
    ),
    StarterRule(
        "POL-07",
        "Machine identities never hold what is critical",
        "identity.machine && entitlement.risk == 'critical'",
        {"deny": True},
        "{entitlement.name} is of critical risk, and machine identities never hold that.",
        priority=200,
    ),
    StarterRule(
        "POL-08",
        "Externals hold access for a month at most",
        "identity.kind == 'external'",
        {"cap_seconds": 30 * DAY},
        "{identity.name} is external: a lease lasts at most {cap}.",
    ),
    StarterRule(
        "POL-09",
        "AI agents in production answer to the system's owner",
        "identity.kind == 'agent' && system.environment == 'production'",
        {"steps": _steps("system_owner"), "cap_seconds": 30 * DAY},
        "{identity.name} is an AI agent in production: the owner of {system.name} decides, for at most {cap}.",
    ),
    StarterRule(
        "POL-10",
        "What is not production stays out of production",
        "identity.machine && identity.environment != 'production' && system.environment == 'production'",
        {"deny": True},
        "{identity.name} works in {identity.environment}, and {system.name} is production.",
        priority=200,
    ),
)
