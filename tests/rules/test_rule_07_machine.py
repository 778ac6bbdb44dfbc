"""Rule 7 against any order of events: what the portal does never brings together what is kept apart.

Hypothesis asks, approves, begins and ends leases of four entitlements, says what confers what, and has mitigations come
and go. Only knowledge that comes later, of an inclusion, and the end of a mitigation leave both sides held; then the
next scan has an open violation for it, and none for anything else.
"""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from governance.access.models import Assignment, Inclusion
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.grants.actions import activate, expire_due
from governance.grants.models import Grant
from governance.grants.states import LIVE, WAITING, GrantState
from governance.purposes.models import Justification
from governance.separation.actions import end_mitigation, scan
from governance.separation.models import Mitigation, SeparationRule, SeparationViolation
from governance.separation.states import MitigationState, ViolationState
from tests.apart import DAY, confers, kept_apart, mitigated
from tests.builders import Organisation, entitlement, keep, step_ids
from tests.leases import approve, give_back, newcomer, security

which = st.integers(min_value=0, max_value=3)


class Apart(RuleBasedStateMachine):
    """One person, four entitlements, two rules: first and second are kept apart, and so are third and fourth."""

    org: ClassVar[Organisation]
    watch: ClassVar[Actor]

    def __init__(self) -> None:
        super().__init__()
        self.now = timezone.now()
        self.holder = newcomer(self.org)
        self.entitlements = [self.also() for _ in range(4)]
        one, two, three, four = self.entitlements
        self.sides = {kept_apart(one, two): (one.pk, two.pk), kept_apart(three, four): (three.pk, four.pk)}
        self.allowed: frozenset[UUID] = frozenset()

    def also(self) -> Entitlement:
        made = entitlement(self.org.system, self.org.owner)
        keep(Justification(purpose=self.org.purpose, entitlement=made))
        return made

    # What can happen ------------------------------------------------------------------------------------------------

    @rule(number=which, minutes=st.integers(min_value=5, max_value=600))
    def ask(self, number: int, minutes: int) -> None:
        wish = {"entitlement_ids": (self.entitlements[number].pk,), "term": timedelta(minutes=minutes)}
        try:
            request = self.org.submit(now=self.now, **wish)
            for step in step_ids(request):
                approve(step, self.org.manager, now=self.now)
        except (Invalid, Conflict):
            return

    @rule()
    def begin(self) -> None:
        for pk in self.grants(WAITING).values_list("pk", flat=True):
            activate(grant_id=pk, now=self.now)

    @rule(number=which)
    def give_back(self, number: int) -> None:
        for grant in self.grants(LIVE).filter(entitlement=self.entitlements[number]):
            give_back(grant, now=self.now)

    @rule(one=which, two=which)
    def learn(self, one: int, two: int) -> None:
        """An inclusion makes known what was so before: it may show that both sides are held."""
        try:
            confers(self.entitlements[one], self.entitlements[two], now=self.now)
        except Invalid:
            return
        self.allowed = self.broken()

    @rule(number=st.integers(min_value=0, max_value=1), days=st.integers(min_value=1, max_value=3))
    def mitigate(self, number: int, days: int) -> None:
        end = self.now + days * DAY
        rule_ = list(self.sides)[number]
        mitigated(rule_, self.holder, by=self.watch, now=self.now, ends_at=end, review_at=end)

    @rule(number=st.integers(min_value=0, max_value=1))
    def end_mitigation(self, number: int) -> None:
        rule_ = list(self.sides)[number]
        for pk in self.mitigations(rule_).values_list("pk", flat=True):
            end_mitigation(mitigation_id=pk, reason="No longer", actor=self.watch, now=self.now)
        self.allowed = self.broken()

    @rule(minutes=st.integers(min_value=1, max_value=2000))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        expire_due(now=self.now)
        self.allowed = self.broken() & {rule_.pk for rule_ in self.sides if self.over(rule_)} | self.allowed

    @rule()
    def scan(self) -> None:
        scan(now=self.now)

    # What holds after each step --------------------------------------------------------------------------------------

    @invariant()
    def nothing_that_was_done_brought_both_sides_together(self) -> None:
        broken = self.broken()
        assert broken <= self.allowed
        self.allowed = broken

    @invariant()
    def a_scan_lists_what_is_broken_and_nothing_else(self) -> None:
        scan(now=self.now)
        listed = SeparationViolation.objects.filter(state=ViolationState.OPEN, identity=self.holder)
        assert set(listed.values_list("rule", flat=True)) == self.broken()

    # What is read, in another way than the portal does ---------------------------------------------------------------

    def grants(self, states: frozenset[GrantState]) -> Any:
        return Grant.objects.with_names().filter(identity=self.holder, state__in=states).order_by("pk")

    def mitigations(self, of: SeparationRule) -> Any:
        return Mitigation.objects.filter(rule=of, identity=self.holder, state=MitigationState.APPROVED)

    def over(self, of: SeparationRule) -> bool:
        return not Mitigation.objects.filter(
            rule=of, identity=self.holder, state=MitigationState.APPROVED, ends_at__gt=self.now
        ).exists()

    def held(self) -> set[UUID]:
        found = set(
            Assignment.objects.filter(account__identity=self.holder, wanted=True).values_list("entitlement", flat=True)
        )
        pairs = set(Inclusion.objects.filter(ended_at=None).values_list("entitlement", "conferred"))
        while more := {two for one, two in pairs if one in found} - found:
            found |= more
        return found

    def broken(self) -> frozenset[UUID]:
        """Rules whose both sides are held without a mitigation that has not ended."""
        held = self.held()
        return frozenset(rule_.pk for rule_, sides in self.sides.items() if held.issuperset(sides) and self.over(rule_))


@pytest.mark.django_db
@pytest.mark.parametrize(("examples", "steps"), [(6, 20), pytest.param(100, 40, marks=pytest.mark.long)])
def test_what_is_kept_apart(examples: int, steps: int) -> None:
    Apart.org, Apart.watch = Organisation("manager"), security()
    run_state_machine_as_test(
        Apart,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=examples < 50,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
