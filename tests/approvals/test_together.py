"""Several steps decided by one act: each on its own, what is of high risk never."""

from functools import partial
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from governance.approvals.actions import MOST_TOGETHER, Outcome, decide_together
from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.states import StepState, Verdict
from governance.catalog.states import Risk
from governance.core.errors import Invalid
from governance.grants.models import Grant
from governance.identities.models import Identity
from tests.apart import confers
from tests.builders import Organisation, account, actor, entitlement, machine, purpose, step_ids
from tests.harness.races import at_once, rounds, seeds
from tests.leases import newcomer, reject

pytestmark = pytest.mark.django_db


def together(
    steps: list[UUID], by: Identity, verdict: Verdict = Verdict.APPROVE, reason: str = "Fits"
) -> list[Outcome]:
    return decide_together(step_ids=steps, verdict=verdict, reason=reason, actor=actor(by), now=timezone.now())


def several(org: Organisation, count: int = 3) -> list[UUID]:
    """As many steps of different people that ask the manager."""
    found = []
    for _ in range(count):
        newcomer(org)
        found.append(step_ids(org.submit())[0])
    return found


@pytest.fixture
def org() -> Organisation:
    return Organisation("manager")


class TestDecidingTogether:
    def test_is_a_decision_for_each(self, org: Organisation) -> None:
        steps = several(org)
        outcomes = together(steps, org.manager)
        assert [one.step_id for one in outcomes] == steps
        assert all(one.decision for one in outcomes)
        assert Decision.objects.filter(step__in=steps, reason="Fits").count() == Grant.objects.count() == 3

    def test_goes_on_past_what_is_refused(self, org: Organisation) -> None:
        first, second, third = several(org)
        reject(second, org.manager)
        outcomes = together([first, second, uuid4(), third], org.manager)
        assert [one.code for one in outcomes] == ["", "already_decided", "not_found", ""]
        assert "You rejected this" in outcomes[1].message
        assert Grant.objects.count() == 2

    def test_never_approves_what_is_of_high_risk(self, org: Organisation) -> None:
        low = several(org, 1)[0]
        risky = entitlement(org.system, org.owner, risk=Risk.HIGH)
        org.entitlement, org.purpose = risky, purpose(org.owner, risky)
        high = several(org, 1)[0]
        outcomes = together([low, high], org.manager)
        assert [one.code for one in outcomes] == ["", "decided_alone"]
        assert ApprovalStep.objects.get(pk=high).state == StepState.OPEN
        assert together([high], org.manager, Verdict.REJECT)[0].decision

    def test_never_approves_what_confers_high_risk(self, org: Organisation) -> None:
        group = entitlement(org.system, org.owner, risk=Risk.LOW)
        nested = entitlement(org.system, org.owner, risk=Risk.LOW)
        confers(group, nested)
        confers(nested, entitlement(org.system, org.owner, risk=Risk.CRITICAL))
        org.entitlement, org.purpose = group, purpose(org.owner, group)
        step = several(org, 1)[0]
        assert [one.code for one in together([step], org.manager)] == ["decided_alone"]
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN

    def test_says_the_same_of_what_a_machine_asks_for(self, org: Organisation) -> None:
        org.requester = machine(org.requester)
        account(org.requester, org.system)
        (outcome,) = together(step_ids(org.submit()), org.manager)
        assert (outcome.code, "risk" in outcome.message) == ("decided_alone", False)

    def test_counts_a_step_once(self, org: Organisation) -> None:
        step = several(org, 1)[0]
        assert len(together([step, step], org.manager)) == 1

    @pytest.mark.parametrize(
        ("field", "steps", "verdict", "reason"),
        [
            ("steps", [], Verdict.APPROVE, "Fits"),
            ("steps", [uuid4() for _ in range(MOST_TOGETHER + 1)], Verdict.APPROVE, "Fits"),
            ("verdict", [uuid4()], Verdict.RETURN, "Why?"),
            ("reason", [uuid4()], Verdict.APPROVE, " "),
        ],
    )
    def test_that_makes_no_sense_is_refused(
        self, org: Organisation, field: str, steps: list[UUID], verdict: Verdict, reason: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            together(steps, org.manager, verdict, reason)
        assert list(refused.value.fields) == [field]

    @pytest.mark.django_db(transaction=True)
    @rounds
    def test_twice_at_the_same_moment_decides_each_once(self, rounds: int) -> None:
        org = Organisation("manager")
        for seed in seeds(rounds):
            steps = several(org)
            one, two = at_once(
                partial(together, steps, org.manager), partial(together, steps[::-1], org.manager), seed=seed
            )
            done = [outcome.step_id for outcome in (*one, *two) if outcome.decision]
            assert sorted(done) == sorted(steps)
            assert Decision.objects.filter(step__in=steps).count() == len(steps)
