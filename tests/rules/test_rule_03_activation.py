"""Rule 3: policy decides again at activation, with the facts of that moment; a yes of yesterday starts nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.access.models import Assignment
from governance.grants.actions import activate
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.policy.models import PolicyDecision
from governance.policy.states import Phase
from governance.provisioning.models import ProvisioningTask
from tests.builders import Organisation, rule
from tests.leases import HOUR, begin, decided, fresh, granted, started
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def denied_by_rule(org: Organisation) -> None:
    rule(key="POL-NO", condition="system.risk == 'moderate'", deny=True)


def uncovered(org: Organisation) -> None:
    run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = clock_timestamp()")


def steps_added(org: Organisation) -> None:
    rule("security", key="POL-MORE")


def holder_suspended(org: Organisation) -> None:
    run("UPDATE governance_identity SET state = 'suspended' WHERE id = %s", org.requester.pk)


def owner_on_leave(org: Organisation) -> None:
    run("UPDATE governance_identity SET state = 'on_leave' WHERE id = %s", org.owner.pk)


def justification_ended(org: Organisation) -> None:
    run("UPDATE governance_justification SET ended_at = now()")


def entitlement_retired(org: Organisation) -> None:
    run("UPDATE governance_entitlement SET state = 'retired'")


def system_retired(org: Organisation) -> None:
    run("UPDATE governance_system SET state = 'retired'")


def kind_forbidden(org: Organisation) -> None:
    run("UPDATE governance_entitlement SET allowed_kinds = '{agent}'")


def account_lost(org: Organisation) -> None:
    run("UPDATE governance_account SET identity_id = NULL")


CHANGES = {
    denied_by_rule: "Because.",
    uncovered: "No rule covers this access.",
    steps_added: "Policy now also asks for: security.",
    holder_suspended: "is suspended; only an active identity is given access",
    owner_on_leave: "Nobody active answers for the purpose any more.",
    justification_ended: "does not justify",
    entitlement_retired: "is retired",
    system_retired: "is retired",
    kind_forbidden: "is not open to this kind of identity",
    account_lost: "has no account on",
}


class TestActivation:
    @pytest.mark.parametrize(("change", "why"), CHANGES.items(), ids=lambda given: getattr(given, "__name__", ""))
    def test_provisions_nothing_once_the_facts_have_changed(
        self, org: Organisation, change: Callable[[Organisation], None], why: str
    ) -> None:
        grant = granted(org)
        change(org)
        grant = begin(grant)
        assert grant.state == GrantState.CANCELLED
        assert why in grant.state_reason
        assert not ProvisioningTask.objects.exists()
        assert not Assignment.objects.filter(wanted=True).exists()

    def test_does_not_take_everyone_for_more_than_they_were(self, org: Organisation) -> None:
        """Everyone who could be asked was one person; policy now wants two."""
        run("UPDATE governance_policyruleversion SET state = 'retired', effective_until = effective_from")
        rule(steps=[{"kind": "manager", "everyone": True}])
        request = decided(org.submit(), org.manager)
        rule(key="POL-TWO", steps=[{"kind": "manager", "required": 2}])
        grant = begin(Grant.objects.get(source_id=request.items.get().pk))
        assert grant.state == GrantState.CANCELLED
        assert grant.state_reason == "Policy now also asks for: manager."

    def test_records_the_decision_that_refused_it(self, org: Organisation) -> None:
        grant = granted(org)
        denied_by_rule(org)
        begin(grant)
        decision = PolicyDecision.objects.get(phase=Phase.ACTIVATION)
        assert (decision.subject_id, decision.allowed) == (grant.pk, False)

    def test_records_the_decision_that_it_rests_on(self, org: Organisation) -> None:
        grant = started(org)
        assert grant.activation_decision is not None
        assert grant.activation_decision.phase == Phase.ACTIVATION
        assert grant.activation_decision.at == grant.starts_at
        assert grant.activation_decision != grant.policy_decision

    def test_shortens_the_lease_to_what_policy_now_allows(self, org: Organisation) -> None:
        grant = granted(org)
        rule(key="POL-CAP", cap_seconds=1800)
        grant = begin(grant)
        assert grant.ends_at - grant.starts_at == timedelta(minutes=30)

    def test_never_lengthens_the_lease(self, org: Organisation) -> None:
        until = timezone.now() + HOUR
        grant = granted(org, term=None, until=until)
        assert begin(grant).ends_at == until

    def test_happens_once(self, org: Organisation) -> None:
        grant = started(org)
        again = activate(grant_id=grant.pk, now=timezone.now() + HOUR)
        assert (again.starts_at, again.ends_at) == (grant.starts_at, grant.ends_at)
        assert ProvisioningTask.objects.count() == 1

    def test_does_not_wake_what_was_cancelled(self, org: Organisation) -> None:
        grant = granted(org)
        denied_by_rule(org)
        begin(grant)
        uncovered(org)
        rule("manager", "entitlement_owner", key="POL-YES")
        assert begin(grant).state == GrantState.CANCELLED
        assert not Assignment.objects.filter(wanted=True).exists()

    def test_that_breaks_leaves_the_grant_waiting(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        grant = granted(org)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError

        monkeypatch.setattr("governance.grants.activation.decide", broken)
        with pytest.raises(RuntimeError):
            begin(grant)
        assert fresh(grant).state == GrantState.APPROVED
        assert not Assignment.objects.exists()
        assert not Grant.objects.usable(timezone.now()).exists()
