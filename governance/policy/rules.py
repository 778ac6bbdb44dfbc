"""The evaluator: rules and facts in, a verdict with its reasons out. No database, no clock.

If this is wrong, somebody gets what they must not have. So a verdict is nothing but the sum of its reasons, and each
reason can only take away: deny wins, the strictest cap and cadence win, steps are united, and only what some rule
expressly covers is allowed. A rule that can't be evaluated denies, unless its mode keeps it out of the outcome anyhow.
The order of the rules makes no difference.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.policy import builtin
from governance.policy.cel import Condition, ConditionError, EvaluationFailed, Given, answers, compiled, given
from governance.policy.consequences import Consequence, StepSpec, union
from governance.policy.facts import Facts
from governance.policy.states import BITES, Mode, OutcomeKind
from governance.policy.verdicts import Reason, Verdict
from governance.policy.words import TemplateError, rendered

_WEIGHT = {kind: weight for weight, kind in enumerate(OutcomeKind)}
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RuleData:
    """One rule in force. A `defect` that was found when it was loaded makes it a broken one.

    `priority` decides which reasons are told first, the higher the sooner, and never the verdict. `consequence` is as
    the rule says it, whatever its mode.
    """

    key: str
    version: int
    condition: str
    consequence: Consequence
    reason: str
    priority: int = 100
    defect: str = ""
    mode: Mode = Mode.BLOCK


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules made ready for many decisions: compiled, and those told apart that are broken whatever the facts."""

    sound: tuple[RuleData, ...]
    conditions: tuple[Condition, ...]
    broken: tuple[Reason, ...]
    versions: tuple[tuple[str, int], ...]


def prepared(rules: Iterable[RuleData]) -> RuleSet:
    """The rules in force, ready for many decisions."""
    rules, sound, conditions, broken = tuple(rules), [], [], []
    for rule in rules:
        try:
            condition = _condition(rule)
        except ConditionError as error:
            broken.append(_broken(rule, rule.defect or str(error)))
        else:
            sound.append(rule)
            conditions.append(condition)
    versions = sorted((rule.key, rule.version) for rule in rules)
    return RuleSet(tuple(sound), tuple(conditions), tuple(broken), tuple(versions))


def _condition(rule: RuleData) -> Condition:
    """The rule's condition. Raises ConditionError for one that is broken whatever the facts."""
    if rule.defect:
        raise ConditionError(rule.defect)
    for step in rule.consequence.steps:
        if step.when:
            compiled(step.when)
    return compiled(rule.condition)


def evaluate(rules: RuleSet | Iterable[RuleData], facts: Facts) -> Verdict:
    """What the rules in force and the domain itself say of the facts. A broken rule denies, it does not raise.

    Whoever decides often passes rules that are `prepared`. Raises EvaluationFailed when a fact is not of its declared
    type, which is a defect of the caller.
    """
    ready = rules if isinstance(rules, RuleSet) else prepared(rules)
    applied = _applied(ready, facts)  # first: it also finds facts that are not what they should be
    reasons = [*builtin.reasons(facts), *builtin.separated(facts), *applied]
    if silence := _silence(applied, facts):
        reasons.append(silence)
    if not _steps(applied) and (human := builtin.human_for_machine(facts)):
        reasons.append(human)
    if beside := builtin.approval_beside_consent(_steps(reasons)):
        reasons.append(beside)
    reasons.sort(key=lambda reason: _rank(reason, facts.now))
    return _sum(reasons, facts, ready.versions)


def _silence(applied: Iterable[Reason], facts: Facts) -> Reason | None:
    """What denies where no rule speaks for it (rule 15). Break-glass needs one that says so itself (rule 11)."""
    if facts.request.break_glass:
        return None if any(reason.breaks_glass or reason.denies for reason in applied) else builtin.NO_BREAK_GLASS
    return None if any(reason.covers for reason in applied) else builtin.UNCOVERED


def _steps(reasons: Iterable[Reason]) -> list[StepSpec]:
    """All steps that have to be taken."""
    return [step for reason in reasons if reason.bites for step in reason.consequence.steps]


def _sum(reasons: Sequence[Reason], facts: Facts, versions: tuple[tuple[str, int], ...]) -> Verdict:
    said = [reason.consequence for reason in reasons if reason.bites]
    denied = any(consequence.deny for consequence in said)
    return Verdict(
        facts=facts,
        allowed=not denied,
        steps=() if denied else union(_steps(reasons)),
        cap=min(consequence.cap for consequence in said if consequence.cap is not None),
        ends_by=min((consequence.until for consequence in said if consequence.until is not None), default=facts.now),
        cadence=min(consequence.cadence for consequence in said if consequence.cadence is not None),
        reasons=tuple(reasons),
        rule_versions=versions,
    )


def _rank(reason: Reason, now: datetime) -> tuple[Any, ...]:
    """The order in which reasons are told: those that bite, the heaviest of them, then the tightest limit."""
    limit = reason.limit(now) or _NEVER
    return (
        not reason.bites,
        _WEIGHT[reason.outcome],
        not reason.built_in,
        -reason.priority,
        limit,
        reason.rule_key,
        reason.version,
        reason.text,
    )


def _applied(rules: RuleSet, facts: Facts) -> list[Reason]:
    """What the rules say that apply, and those that are broken. Only these are put into words."""
    known = given(facts)
    said = zip(rules.sound, answers(rules.conditions, known), strict=True)
    reasons = (_reason(rule, answer, known) for rule, answer in said if answer is not False)
    return [*rules.broken, *(reason for reason in reasons if reason is not None)]


def _reason(
    rule: RuleData,
    answer: bool | EvaluationFailed,  # noqa: FBT001 - the answer itself
    known: Given,
) -> Reason | None:
    """What a rule says that applies, or that it is broken.

    None where it comes to nothing: no step of it is taken, or it says nothing of such access.
    """
    if answer is not True:
        return _broken(rule, str(answer))
    try:
        consequence = _taken(rule.consequence, known)
        text = rendered(rule.reason, {**known.values, **sayable(consequence)})
    except (TemplateError, EvaluationFailed) as error:
        return _broken(rule, str(error))
    follows = consequence.in_mode(rule.mode).asked(break_glass=known.values["request.break_glass"])
    if follows is None or not consequence.kinds:
        return None
    return Reason(rule.key, rule.version, follows, text, rule.priority, mode=rule.mode)


def _taken(consequence: Consequence, known: Given) -> Consequence:
    """The same with the steps alone whose own condition holds. Raises EvaluationFailed where one has no answer."""
    if not any(step.when for step in consequence.steps):
        return consequence
    taken = (step for step in consequence.steps if not step.when or compiled(step.when).holds(known))
    return replace(consequence, steps=tuple(replace(step, when="") for step in taken))


def sayable(consequence: Consequence) -> dict[str, timedelta]:
    """What a reason may say of its own rule, besides the facts.

    `{cap}` where it caps, `{cadence}` where it reviews, `{break_glass}` where it allows break-glass.
    """
    said = {"cap": consequence.cap, "cadence": consequence.cadence, "break_glass": consequence.break_glass}
    return {name: length for name, length in said.items() if length is not None}


def _broken(rule: RuleData, defect: str) -> Reason:
    """That it can't be evaluated. It denies, unless it is in a mode in which it could not deny if it were whole."""
    follows = "and until it is mended nothing is allowed" if rule.mode in BITES else "and has no effect"
    text = f"Rule {rule.key} is broken, {follows}."
    return Reason(rule.key, rule.version, Consequence(deny=True), text, rule.priority, defect, rule.mode)
