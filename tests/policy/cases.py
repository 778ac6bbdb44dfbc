"""A case of the evaluator in a line or two: rules and facts in, the whole verdict out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from governance.policy.rules import RuleData, evaluate
from governance.policy.verdicts import Reason, Verdict
from tests.policy.samples import facts

HOUR, DAY = 3600, 86400
CATALOG_CAP, CATALOG_CADENCE = timedelta(days=60), timedelta(days=90)
"""What the catalog says of the documented example: what a verdict falls back to where no rule is stricter."""


@dataclass(frozen=True)
class Case:
    """What is to follow. `steps` are in the order in which they are taken, with `2x` or `all` before a kind.

    `says` lists what the rules say, as `told` writes it; `denied` a part of each denial's words.
    """

    name: str
    rules: Sequence[RuleData]
    changes: dict[str, Any] = field(default_factory=dict)
    steps: str = ""
    denied: Sequence[str] = ()
    cap: timedelta = CATALOG_CAP
    cadence: timedelta = CATALOG_CADENCE
    says: Sequence[str] = ()

    def check(self) -> None:
        """Evaluate and compare everything."""
        verdict = evaluate(list(self.rules), facts(**self.changes))
        assert [part in reason.text for reason, part in zip(verdict.denials, self.denied, strict=True)] == [
            True for _ in self.denied
        ], [reason.text for reason in verdict.denials]
        assert verdict.allowed == (not self.denied)
        assert steps(verdict) == self.steps
        assert (verdict.cap, verdict.cadence) == (self.cap, self.cadence)
        assert [said(reason) for reason in verdict.reasons if not reason.built_in] == list(self.says)


def steps(verdict: Verdict) -> str:
    """The steps in words: `manager, 2x security, all team:ledger`."""
    parts = []
    for step in verdict.steps:
        many = "all " if step.everyone else f"{step.required}x " if step.required > 1 else ""
        parts.append(f"{many}{step.kind}{':' if step.team else ''}{step.team}")
    return ", ".join(parts)


def said(reason: Reason) -> str:
    """What a rule says: `POL-01 deny`, in another mode than in full `POL-01 warn: deny`, `POL-01 broken`."""
    mode = "" if reason.mode == "block" else f"{reason.mode}: "
    what = "broken" if reason.broken else "+".join(reason.consequence.kinds)
    return f"{reason.rule_key} {mode}{what}"
