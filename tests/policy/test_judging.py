"""What narrows a replay leaves nothing out: a verdict that would differ is always summed up anew."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.core.actor import Actor
from governance.core.locking import locked_all, unit_of_work
from governance.policy import moves
from governance.policy.facts import Facts
from governance.policy.judging import Judge
from governance.policy.models import PolicyDecision, PolicyRule, PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.queries import rule_data
from governance.policy.rules import RuleData, evaluate
from governance.policy.states import Mode, Phase
from tests.builders import BUILDER, keep
from tests.policy.test_rules import FACTS

BREAKS = "duration(entitlement.risk == 'moderate' ? '1h' : 'x') > duration('1m')"
"""Works on the ordinary example, and on no other risk."""

CONDITIONS = (
    "true",
    "false",
    BREAKS,
    f"identity.machine && {BREAKS}",
    "entitlement . risk == 'low'",
    "entitlement.risk in ['low', 'moderate'] || request.by_machine",
    "risk.tier != 'low' && 'identity.name' != system.key",
    "request.term > duration('240h')",
    "time.hour < 12",
)
OUTCOMES: tuple[dict[str, Any], ...] = (
    {"deny": True},
    {"steps": [{"kind": "manager"}]},
    {"steps": [{"kind": "manager", "required": 2}, {"kind": "security"}], "cap_seconds": 86400},
    {"allow_without_human": True},
    {"cap_seconds": 86400},
    {"cadence_seconds": 86400},
)
WORDINGS = st.builds(
    Wording,
    condition=st.sampled_from(CONDITIONS),
    outcomes=st.sampled_from(OUTCOMES),
    reason=st.sampled_from(["Because.", "Because of {identity.name}."]),
    priority=st.sampled_from([1, 100]),
    mode=st.sampled_from([*Mode.values, Mode.BLOCK, Mode.BLOCK]),
).filter(lambda one: not (one.mode == Mode.REQUIRE_APPROVAL and "allow_without_human" in one.outcomes))
DEFECTS = st.sampled_from(["", "", "unreadable outcomes"])
ASKER = Actor.system("property")


class Book:
    """Rules with their versions, each written down once."""

    def __init__(self) -> None:
        self.rules = {key: keep(PolicyRule(key=key, title="A rule")) for key in ("POL-01", "POL-02")}
        self.known: dict[str, PolicyRuleVersion] = {}

    @unit_of_work()
    def version(self, key: str, wording: Wording) -> PolicyRuleVersion:
        name = f"{key} {wording}"
        if name not in self.known:
            (rule,) = locked_all(PolicyRule.objects.filter(pk=self.rules[key].pk))
            self.known[name] = moves.draft(rule, wording, actor=BUILDER, why="Made up", now=timezone.now())
        return PolicyRuleVersion.objects.select_related("rule").get(pk=self.known[name].pk)

    @unit_of_work()
    def decision(self, rules: list[RuleData], facts: Facts) -> PolicyDecision:
        made = partial(moves.record_decision, phase=Phase.SUBMISSION, subject_kind="requestitem", subject_id=uuid4())
        return PolicyDecision.objects.get(pk=made(evaluate(rules, facts), actor=ASKER).pk)


@pytest.mark.django_db
@pytest.mark.parametrize("examples", [200, pytest.param(5000, marks=pytest.mark.long)])
def test_leaves_out_nothing_that_would_differ(examples: int) -> None:
    book = Book()

    @settings(max_examples=examples, derandomize=examples < 1000, deadline=None, database=None)
    @given(st.none() | WORDINGS, WORDINGS, st.booleans(), st.none() | WORDINGS, DEFECTS, FACTS)
    def judged(
        then: Wording | None, now: Wording, same: bool, beside: Wording | None, defect: str, facts: Facts
    ) -> None:
        """`same` makes both versions say the same where they apply, which is what the narrowing counts on."""
        if same and then:
            now = replace(now, outcomes=then.outcomes, mode=then.mode)
        spoke = [replace(rule_data(book.version("POL-01", then)), defect=defect)] if then else []
        others = [rule_data(book.version("POL-02", beside))] if beside else []
        decision, version = book.decision([*spoke, *others], facts), book.version("POL-01", now)
        (whole,) = Judge(version).differ([decision]).values()
        narrowed = Judge(version).judge([decision])
        assert whole is not None
        assert narrowed == {decision.pk: whole} or (narrowed, whole.changes) == ({}, ())

    judged()
