"""Examples kept with a rule: what each expects of a version, and what came out."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from governance.policy.kept import Derived, NotKept, example_with
from governance.policy.models import PolicyExample, PolicyRuleVersion
from governance.policy.queries import rule_data
from governance.policy.rules import RuleSet, evaluate, prepared
from governance.policy.states import OutcomeKind


@dataclass(frozen=True, slots=True)
class Result:
    """What a version made of one example. `said` is what came out, in words."""

    example_id: UUID
    title: str
    passed: bool
    said: str


def results(version: PolicyRuleVersion, examples: Iterable[PolicyExample]) -> list[Result]:
    """What the version makes of each example."""
    rules = prepared([rule_data(version)])
    return [_result(rules, example) for example in examples]


def _result(rules: RuleSet, example: PolicyExample) -> Result:
    try:
        verdict = evaluate(rules, example_with(example.changed_facts))
    except NotKept as missing:
        return Result(example.pk, example.title, passed=False, said=f"There is no fact called {missing} any more.")
    except Derived as refusal:
        return Result(example.pk, example.title, passed=False, said=str(refusal))
    reason = next((one for one in verdict.reasons if not one.built_in), None)
    if reason is None:
        return Result(example.pk, example.title, not example.applies, "It does not apply.")
    if reason.broken:
        return Result(example.pk, example.title, passed=False, said=f"It is broken: {reason.defect}.")
    came = {str(kind) for kind in reason.consequence.kinds}
    passed = example.applies and (not example.outcome or example.outcome in came)
    follows = ", ".join(OutcomeKind(kind).label.lower() for kind in reason.consequence.kinds)
    return Result(example.pk, example.title, passed, f"It applies: {follows}. “{reason.text}”")
