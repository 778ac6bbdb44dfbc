"""How two verdicts on the same facts differ. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from governance.analysis.states import Change
from governance.policy.consequences import StepSpec, written_step
from governance.policy.verdicts import Verdict

Steps = Mapping[tuple[str, str], tuple[int, bool]]


def changes(before: Verdict, after: Verdict) -> tuple[Change, ...]:
    """How `after` differs from `before`, the heaviest first; empty where both say the same.

    What is denied has neither steps nor a lease, so there is nothing more to compare.
    """
    if before.allowed != after.allowed:
        return (Change.ALLOWED if after.allowed else Change.DENIED,)
    if not after.allowed:
        return ()
    old, new = _steps(before.steps), _steps(after.steps)
    found = {
        Change.STEPS_ADDED: any(asked > old.get(step, (0, False)) for step, asked in new.items()),
        Change.STEPS_REMOVED: any(asked > new.get(step, (0, False)) for step, asked in old.items()),
        Change.SHORTER: after.latest_end < before.latest_end,
        Change.LONGER: after.latest_end > before.latest_end,
    }
    return tuple(change for change, there in found.items() if there)


def _steps(steps: Iterable[StepSpec]) -> Steps:
    """How many are asked for by each kind and team."""
    return {(step.kind, step.team): (step.required, step.everyone) for step in steps}


def told(verdict: Verdict) -> dict[str, Any]:
    """What a finding keeps of a verdict."""
    return {
        "allowed": verdict.allowed,
        "steps": [written_step(step) for step in verdict.steps],
        "lease_seconds": int((verdict.latest_end - verdict.facts.now).total_seconds()),
    }
