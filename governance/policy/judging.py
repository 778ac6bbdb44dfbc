"""One version of a rule against kept decisions: what each verdict would be with it instead of the version of then.

A kept decision says which rules applied. Where the version has nothing to say and the one of then said nothing, or both
say the same, nothing changes, and only the version's own condition was evaluated, over the facts that it names. In all
other cases the evaluator itself sums up anew, from the rules that applied then and this version, and what comes out is
held against what was decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from governance.policy.cel import ConditionError, EvaluationFailed, compiled, given_some
from governance.policy.differences import Outcome, changes
from governance.policy.facts import Facts
from governance.policy.kept import NotKept, names_in, revived, value
from governance.policy.models import PolicyDecision, PolicyRuleVersion
from governance.policy.queries import rule_data
from governance.policy.rules import RuleData, RuleSet, evaluate, prepared
from governance.policy.states import BITES, Change
from governance.policy.verdicts import BUILT_IN

MOST_REMEMBERED: Final = 50_000
"""Answers of the condition that are kept in memory, by the facts that it names."""

ALWAYS: Final = "true"

Spoken = tuple[str, int]
"""A rule's key and the number of one of its versions."""

Applied = tuple[str, int, str]
"""The same, with what was wrong with it then; empty where it was whole."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept decision as it is read at first: the facts that the condition names, and whether the rule spoke.

    `facts` are plain, in the order of `Judge.names`; None stands for the one that is missing. `spoken` is the version
    of the rule that applied then, if one did; `broken` says that it applied because it could not be evaluated.
    """

    decision_id: UUID
    facts: tuple[Any, ...] | None
    spoken: int | None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Differs:
    """How one verdict would differ. `why` is the reason of what it would be then, in words."""

    changes: tuple[Change, ...]
    before: Outcome
    after: Outcome
    facts: Facts
    why: str


class Judge:
    """Holds a version against kept decisions. Keeps nothing of them but the answers of its condition."""

    def __init__(self, version: PolicyRuleVersion) -> None:
        self.rule = rule_data(version)
        self.names = names_in(version.condition)
        self._answers: dict[tuple[Any, ...], bool | None] = {}
        self._versions: dict[Spoken, RuleData] = {}
        self._ready: dict[tuple[Applied, ...], RuleSet] = {}

    def may_differ(self, kept: Kept) -> bool:
        """Whether the verdict has to be summed up anew."""
        if not self._bites(kept.spoken):
            return False
        holds = self._holds(kept)
        if holds is None or kept.broken:
            return True
        return holds != (kept.spoken is not None) or (holds and not self._says_the_same(kept.spoken))

    def _bites(self, number: int | None) -> bool:
        """Whether the version, or the one that spoke then, takes part in the outcome."""
        then = self._versions.get((self.rule.key, number or 0))
        return self.rule.mode in BITES or (number is not None and (then is None or then.mode in BITES))

    def _holds(self, kept: Kept) -> bool | None:
        """Whether the condition is true of the facts; None where only the whole evaluation can say."""
        if kept.facts is None:
            return None
        key = kept.facts
        if key not in self._answers:
            if len(self._answers) >= MOST_REMEMBERED:
                self._answers.clear()
            self._answers[key] = self._asked(key)
        return self._answers[key]

    def _asked(self, facts: Sequence[Any]) -> bool | None:
        try:
            values = {name: value(name, _listed(kept)) for name, kept in zip(self.names, facts, strict=True)}
            return compiled(self.rule.condition).holds(given_some(values))
        except (ConditionError, EvaluationFailed):
            return None

    def _says_the_same(self, number: int | None) -> bool:
        known = self._versions.get((self.rule.key, number or 0))
        return known is not None and replace(known, version=0, condition="", reason="", priority=0) == replace(
            self.rule, version=0, condition="", reason="", priority=0
        )

    def judge(self, decisions: Sequence[PolicyDecision]) -> Mapping[UUID, Differs | None]:
        """How the verdicts of whole decisions would differ, as `differ`; those left out would not."""
        kept = {one.pk: self._kept(one) for one in decisions}
        self.learn((self.rule.key, one.spoken) for one in kept.values() if one.spoken)
        return self.differ(one for one in decisions if self.may_differ(kept[one.pk]))

    def _kept(self, decision: PolicyDecision) -> Kept:
        mine = [said for said in decision.reasons if said["rule"] == self.rule.key]
        number = mine[0]["version"] if mine else None
        return Kept(decision.pk, _named(decision.facts, self.names), number, any(said["broken"] for said in mine))

    def differ(self, decisions: Iterable[PolicyDecision]) -> Mapping[UUID, Differs | None]:
        """How the verdict of each would differ, with no changes where it would not; None where a fact is missing."""
        whole = list(decisions)
        self.learn((said["rule"], said["version"]) for one in whole for said in one.reasons)
        return {one.pk: self._differs(one) for one in whole}

    def learn(self, spoken: Iterable[Spoken]) -> None:
        """Read what these versions say, unless it is known: a published one says it for ever. One query at most."""
        wanted = {one for one in spoken if one[0] != BUILT_IN} - self._versions.keys()
        if not wanted:
            return
        keys, numbers = {key for key, _ in wanted}, {number for _, number in wanted}
        found = PolicyRuleVersion.objects.filter(rule__key__in=keys, number__in=numbers).select_related("rule")
        for version in found:
            self._versions[version.rule.key, version.number] = replace(rule_data(version), condition=ALWAYS)

    def _differs(self, decision: PolicyDecision) -> Differs | None:
        try:
            facts = revived(decision.facts)
        except NotKept:
            return None
        mine = {BUILT_IN, self.rule.key}
        spoke = (said for said in decision.reasons if said["rule"] not in mine)
        others = tuple((said["rule"], said["version"], said["defect"]) for said in spoke)
        before = Outcome(decision.allowed, decision.steps, decision.latest_end - decision.at, decision.cadence)
        verdict = evaluate(self._with(others), facts)
        after = Outcome.of(verdict)
        return Differs(changes(before, after), before, after, facts, verdict.why)

    def _with(self, others: tuple[Applied, ...]) -> RuleSet:
        """This version beside the rules that applied then, ready for all decisions on which the same ones did."""
        if others not in self._ready:
            if len(self._ready) >= MOST_REMEMBERED:
                self._ready.clear()
            self._ready[others] = prepared([*(self._applied(*one) for one in others), self.rule])
        return self._ready[others]

    def _applied(self, key: str, number: int, defect: str) -> RuleData:
        """The rule as it spoke then, whatever its condition."""
        return replace(self._versions[key, number], defect=defect)


def _named(facts: Mapping[str, Any], names: Iterable[str]) -> tuple[Any, ...] | None:
    """The named facts as a key to remember answers by; None if one is missing."""
    found = []
    for name in names:
        said: Any = facts
        for part in name.split("."):
            if part not in said:
                return None
            said = said[part]
        found.append(tuple(said) if isinstance(said, list) else said)
    return tuple(found)


def _listed(kept: Any) -> Any:
    """A list of texts comes as a tuple, to be remembered by."""
    return list(kept) if isinstance(kept, tuple) else kept
