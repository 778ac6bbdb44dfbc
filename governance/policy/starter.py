"""A small set of rules to begin with. An organisation replaces them by its own; docs/policy.md explains them.

Data alone: `moves.install` takes them through the same door as any other rule.
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
        "Low risk outside production needs nobody",
        "entitlement.risk == 'low' && !entitlement.privileged && system.environment != 'production'",
        {"allow_without_human": True},
        "{entitlement.name} is of low risk and not in production: its purpose is approval enough.",
    ),
    StarterRule(
        "POL-02",
        "Low risk in production is the manager's decision",
        "entitlement.risk == 'low' && (entitlement.privileged || system.environment == 'production')",
        {"steps": _steps("manager")},
        "{entitlement.name} is of low risk, but privileged or in production: a manager decides.",
    ),
    StarterRule(
        "POL-03",
        "Moderate risk outside production is the manager's decision",
        "entitlement.risk == 'moderate' && system.environment != 'production'",
        {"steps": _steps("manager")},
        "{entitlement.name} is of moderate risk outside production: a manager decides.",
    ),
    StarterRule(
        "POL-04",
        "Moderate risk in production takes two decisions",
        "entitlement.risk == 'moderate' && system.environment == 'production'",
        {"steps": _steps("manager", "entitlement_owner")},
        "{entitlement.name} is of moderate risk in production: a manager and the entitlement's owner decide.",
    ),
    StarterRule(
        "POL-05",
        "High risk takes three decisions and lasts a week",
        "entitlement.risk == 'high'",
        {"steps": _steps("manager", "entitlement_owner", "system_owner"), "cap_seconds": 7 * DAY},
        "{entitlement.name} is of high risk: three people decide, and a lease lasts at most {cap}.",
    ),
    StarterRule(
        "POL-06",
        "Critical risk takes security as well and lasts a working day",
        "entitlement.risk == 'critical'",
        {"steps": _steps("manager", "entitlement_owner", "system_owner", "security"), "cap_seconds": 8 * HOUR},
        "{entitlement.name} is of critical risk: four people decide, and a lease lasts at most {cap}.",
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
