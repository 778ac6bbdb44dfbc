"""How what was decided differs from what would be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from governance.core.moves import plain
from governance.policy.consequences import written_step
from governance.policy.states import Change, StepKind
from governance.policy.verdicts import Verdict
from governance.policy.words import length

NOT_ASKED: Final = (0, False, 0, False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict as far as a replay compares it: its steps in their JSON form, and the longest lease from its moment.

    `cadence` is the longest time between two reviews; None where the decision is older than that.
    """

    allowed: bool
    steps: Sequence[Mapping[str, Any]]
    lease: timedelta
    cadence: timedelta | None

    @classmethod
    def of(cls, verdict: Verdict) -> "Outcome":
        """Of a verdict that has just been summed up."""
        steps = [written_step(step) for step in verdict.steps]
        return cls(verdict.allowed, steps, verdict.latest_end - verdict.facts.now, verdict.cadence)

    def told(self) -> dict[str, Any]:
        """What a finding keeps of it."""
        lease, cadence = int(self.lease.total_seconds()), plain(self.cadence)
        return {"allowed": self.allowed, "steps": self.steps, "lease_seconds": lease, "cadence_seconds": cadence}


def changes(before: Outcome, after: Outcome) -> tuple[Change, ...]:
    """How `after` differs from `before`, the heaviest first; empty where both say the same.

    What is denied has neither steps nor a lease, so there is nothing more to compare. Where a decision is older than
    cadences, its review is not compared.
    """
    if before.allowed != after.allowed:
        return (Change.ALLOWED if after.allowed else Change.DENIED,)
    if not after.allowed:
        return ()
    old, new = _asked(before), _asked(after)
    sooner = _sooner(before.cadence, after.cadence)
    found = {
        Change.STEPS_ADDED: any(asked > old.get(step, NOT_ASKED) for step, asked in new.items()),
        Change.STEPS_REMOVED: any(asked > new.get(step, NOT_ASKED) for step, asked in old.items()),
        Change.SHORTER: after.lease < before.lease,
        Change.LONGER: after.lease > before.lease,
        Change.REVIEWED_MORE: sooner > timedelta(),
        Change.REVIEWED_LESS: sooner < timedelta(),
    }
    return tuple(change for change, there in found.items() if there)


def _sooner(before: timedelta | None, after: timedelta | None) -> timedelta:
    """By how much the next review comes sooner; nothing where one of them is not known."""
    return timedelta() if before is None or after is None else before - after


def _asked(outcome: Outcome) -> Mapping[tuple[str, str], tuple[int, bool, int, bool]]:
    """What each kind and team is asked for: how many, all, by how many criteria, and whether it is never skipped."""
    return {
        (step["kind"], step.get("team", "")): (
            step["required"],
            step.get("everyone", False),
            len(step.get("counts", [])),
            not step.get("skip_repeat", False),
        )
        for step in outcome.steps
    }


def summed(said: Mapping[str, Any]) -> str:
    """What a finding keeps of an outcome, in words."""
    if not said["allowed"]:
        return f"Denied: {said['why']}" if said.get("why") else "Denied"
    steps = [str(StepKind(step["kind"]).label).lower() for step in said["steps"]]
    deciding = f"decided by {', '.join(steps)}" if steps else "nobody decides"
    cadence = said.get("cadence_seconds")
    reviewed = f", reviewed every {length(timedelta(seconds=cadence))}" if cadence else ""
    return f"Allowed, {deciding}, at most {length(timedelta(seconds=said['lease_seconds']))}{reviewed}"
