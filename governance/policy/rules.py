"""The evaluator: rules and facts in, a verdict with its reasons out. No database, no clock.

If this is wrong, somebody gets what they must not have. So a verdict is nothing but the sum of its reasons, and each
reason can only take away: deny wins, the strictest cap wins, steps are united, and only what some rule expressly covers
is allowed. A rule that can't be evaluated denies. The order of the rules makes no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.policy import builtin
from governance.policy.cel import ConditionError, EvaluationFailed, Given, compiled, given
from governance.policy.consequences import Consequence, union
from governance.policy.facts import Facts
from governance.policy.states import OutcomeKind
from governance.policy.verdicts import Reason, Verdict
from governance.policy.words import TemplateError, rendered

_WEIGHT = {kind: weight for weight, kind in enumerate(OutcomeKind)}
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RuleData:
    """One rule in force. A `defect` that was found when it was loaded makes it a broken one.

    `priority` decides which reasons are told first, the higher the sooner, and never the verdict.
    """

    key: str
    version: int
    condition: str
    consequence: Consequence
    reason: str
    priority: int = 100
    defect: str = ""


def evaluate(rules: Sequence[RuleData], facts: Facts) -> Verdict:
    """What the rules in force and the domain itself say of the facts. A broken rule denies, it does not raise.

    Raises EvaluationFailed when a fact is not of its declared type, which is a defect of the caller.
    """
    applied = _applied(rules, facts)  # first: it also finds facts that are not what they should be
    reasons = [*builtin.reasons(facts), *builtin.separated(facts), *applied]
    if not any(reason.consequence.covers for reason in applied):
        reasons.append(builtin.UNCOVERED)
    if not any(reason.consequence.steps for reason in applied) and (human := builtin.human_for_machine(facts)):
        reasons.append(human)
    if beside := builtin.approval_beside_consent([step for reason in reasons for step in reason.consequence.steps]):
        reasons.append(beside)
    reasons.sort(key=lambda reason: _rank(reason, facts.now))
    versions = sorted((rule.key, rule.version) for rule in rules)
    return _sum(reasons, facts, tuple(versions))


def _sum(reasons: Sequence[Reason], facts: Facts, versions: tuple[tuple[str, int], ...]) -> Verdict:
    said = [reason.consequence for reason in reasons]
    denied = any(consequence.deny for consequence in said)
    return Verdict(
        facts=facts,
        allowed=not denied,
        steps=() if denied else union(step for consequence in said for step in consequence.steps),
        cap=min(consequence.cap for consequence in said if consequence.cap is not None),
        ends_by=min((consequence.until for consequence in said if consequence.until is not None), default=facts.now),
        reasons=tuple(reasons),
        rule_versions=versions,
    )


def _rank(reason: Reason, now: datetime) -> tuple[Any, ...]:
    """The order in which reasons are told: the heaviest first, then the tightest limit."""
    limit = reason.limit(now) or _NEVER
    return (
        _WEIGHT[reason.outcome],
        not reason.built_in,
        -reason.priority,
        limit,
        reason.rule_key,
        reason.version,
        reason.text,
    )


def _applied(rules: Iterable[RuleData], facts: Facts) -> list[Reason]:
    known = given(facts)
    return [reason for rule in rules if (reason := _reason(rule, known)) is not None]


def _reason(rule: RuleData, known: Given) -> Reason | None:
    """What the rule says, or None where it does not apply."""
    if rule.defect:
        return _broken(rule, rule.defect)
    try:
        if not compiled(rule.condition).holds(known):
            return None
        text = rendered(rule.reason, {**known.values, **sayable(rule.consequence)})
    except (ConditionError, EvaluationFailed, TemplateError) as error:
        return _broken(rule, str(error))
    return Reason(rule.key, rule.version, rule.consequence, text, rule.priority)


def sayable(consequence: Consequence) -> dict[str, timedelta]:
    """What a reason may say of its own rule, besides the facts: `{cap}` where it caps."""
    return {} if consequence.cap is None else {"cap": consequence.cap}


def _broken(rule: RuleData, defect: str) -> Reason:
    text = f"Rule {rule.key} is broken, and until it is mended nothing is allowed."
    return Reason(rule.key, rule.version, Consequence(deny=True), text, rule.priority, defect)
