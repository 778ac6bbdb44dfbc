"""Rule 7: nobody comes to hold what is kept apart by what the portal does: asked for, approved or activated."""

from datetime import timedelta

import pytest
from django.utils import timezone

from governance.access.models import Assignment
from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.catalog.models import Entitlement
from governance.core.errors import Conflict, Invalid
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.policy.models import PolicyDecision
from governance.policy.states import Phase
from governance.provisioning.models import ProvisioningTask
from governance.purposes.models import Justification
from governance.requests.actions import preview
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from governance.separation.actions import end_mitigation
from governance.separation.models import Mitigation
from tests.apart import DAY, confers, kept_apart, mitigated
from tests.builders import Organisation, account, actor, draft, entitlement, keep, person, step_ids
from tests.leases import approve, begin, decided, granted, started

pytestmark = pytest.mark.django_db


class Books(Organisation):
    """The organisation, in which orders are kept apart from payments."""

    def __init__(self) -> None:
        super().__init__()
        self.order = self.entitlement
        self.pay = self.also("Pay")
        self.lead = self.also("Lead")
        self.rule_apart = kept_apart(self.order, self.pay, owner=self.backup)

    def also(self, name: str) -> Entitlement:
        """Another entitlement that the purpose justifies."""
        made = entitlement(self.system, self.owner, name=name)
        keep(Justification(purpose=self.purpose, entitlement=made))
        return made

    def ask(self, *what: Entitlement) -> AccessRequest:
        """The requester asks for all of them at once."""
        return self.submit(entitlement_ids=tuple(one.pk for one in what))

    def lease(self, what: Entitlement) -> Grant:
        """An approved grant of it."""
        return granted(self, entitlement_ids=(what.pk,))


@pytest.fixture
def books() -> Books:
    return Books()


def states(request: AccessRequest) -> set[str]:
    return set(request.items.values_list("state", flat=True))


def reasons(request: AccessRequest) -> str:
    return " ".join(request.items.values_list("state_reason", flat=True))


class TestSubmission:
    def test_denies_the_other_half_and_names_both_sides(self, books: Books) -> None:
        started(books)
        request = books.ask(books.pay)
        assert states(request) == {ItemState.DENIED}
        key, reason = books.rule_apart.key, "Whoever orders does not pay."
        both = f"{books.order} (held) and {books.pay} (asked for) would come together."
        assert reasons(request) == f"{key}: {reason} {both}"

    def test_denies_what_confers_the_other_half_and_names_the_way(self, books: Books) -> None:
        confers(books.lead, books.pay)
        started(books)
        request = books.ask(books.lead)
        assert states(request) == {ItemState.DENIED}
        assert f"{books.pay} (asked for through {books.lead})" in reasons(request)

    def test_denies_the_other_half_of_what_is_held_through_something_else(self, books: Books) -> None:
        confers(books.order, books.lead)
        kept_apart(books.lead, books.pay)
        started(books)
        assert f"{books.lead} (held through {books.order})" in reasons(books.ask(books.pay))

    def test_denies_what_confers_both_halves_by_itself(self, books: Books) -> None:
        for conferred in (books.order, books.pay):
            confers(books.lead, conferred)
        assert states(books.ask(books.lead)) == {ItemState.DENIED}

    def test_denies_both_halves_asked_for_at_once(self, books: Books) -> None:
        request = books.ask(books.order, books.pay)
        assert states(request) == {ItemState.DENIED}
        assert "(asked for as well)" in reasons(request)

    def test_denies_the_other_half_to_another_identity_of_the_same_human(self, books: Books) -> None:
        started(books)
        twin = person("Requester again", manager=books.manager, human=books.requester.human)
        account(twin, books.system)
        books.requester = twin
        assert states(books.ask(books.pay)) == {ItemState.DENIED}

    def test_allows_it_to_another_human(self, books: Books) -> None:
        started(books)
        books.requester = person("Other", manager=books.manager)
        account(books.requester, books.system)
        assert states(books.ask(books.pay)) == {ItemState.PENDING}

    def test_records_what_the_decision_rests_on(self, books: Books) -> None:
        started(books)
        decision = books.ask(books.pay).items.get().policy_decision
        assert decision.facts["separation"]["breaks"] == [f"{books.rule_apart.key}/1"]
        assert f"{books.system.key}/{books.order.key}" in decision.facts["access"]["effective"]

    def test_denies_no_more_once_the_other_half_is_gone(self, books: Books) -> None:
        grant = started(books)
        Assignment.objects.filter(grants=grant).update(wanted=False)
        assert states(books.ask(books.pay)) == {ItemState.PENDING}

    def test_shows_it_in_the_preview(self, books: Books) -> None:
        started(books)
        wish = draft(books.requester, books.pay, books.purpose)
        ((_, verdict),) = preview(draft=wish, actor=actor(books.requester), now=timezone.now()).verdicts
        assert not verdict.allowed
        assert [reason.rule_key for reason in verdict.denials] == [books.rule_apart.key]


class TestApproval:
    def test_is_refused_once_the_other_half_is_held(self, books: Books) -> None:
        waiting = books.ask(books.pay)
        started(books)
        step = step_ids(waiting)[0]
        with pytest.raises(Conflict, match="would come together"):
            approve(step, books.manager)
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN

    def test_goes_on_once_a_mitigation_covers_it(self, books: Books) -> None:
        waiting = books.ask(books.pay)
        started(books)
        mitigated(books.rule_apart, books.requester)
        decided(waiting, books.manager, books.owner)
        assert states(waiting) == {ItemState.APPROVED}


class TestActivation:
    def test_provisions_nothing_once_the_other_half_is_held(self, books: Books) -> None:
        order, pay = books.lease(books.order), books.lease(books.pay)
        begin(order)
        tasks = ProvisioningTask.objects.count()
        refused = begin(pay)
        assert refused.state == GrantState.CANCELLED
        assert "would come together" in refused.state_reason
        assert ProvisioningTask.objects.count() == tasks
        assert not Assignment.objects.filter(entitlement=books.pay, wanted=True).exists()
        decision = PolicyDecision.objects.get(phase=Phase.ACTIVATION, subject_id=pay.pk)
        assert (decision.allowed, decision.reasons[0]["rule"]) == (False, books.rule_apart.key)

    def test_provisions_nothing_that_confers_the_other_half_by_now(self, books: Books) -> None:
        order, lead = books.lease(books.order), books.lease(books.lead)
        begin(order)
        confers(books.lead, books.pay)
        assert begin(lead).state == GrantState.CANCELLED

    def test_provisions_nothing_that_a_rule_keeps_apart_by_now(self, books: Books) -> None:
        order, lead = books.lease(books.order), books.lease(books.lead)
        begin(order)
        kept_apart(books.order, books.lead)
        assert begin(lead).state == GrantState.CANCELLED

    def test_provisions_nothing_once_the_mitigation_has_ended(self, books: Books) -> None:
        covers = mitigated(books.rule_apart, books.requester)
        started(books)
        pay = books.lease(books.pay)
        end_mitigation(mitigation_id=covers.pk, reason="Not needed", actor=actor(books.requester), now=timezone.now())
        assert begin(pay).state == GrantState.CANCELLED


class TestMitigation:
    def test_lets_both_be_held_until_it_ends_and_no_longer(self, books: Books) -> None:
        mitigated(books.rule_apart, books.requester)
        started(books)
        pay = granted(books, entitlement_ids=(books.pay.pk,), term=3 * DAY)
        end = timezone.now() + DAY
        shorter = mitigated(books.rule_apart, books.requester, ends_at=end, review_at=end)
        assert begin(pay).ends_at == shorter.ends_at

    def test_refuses_a_longer_lease_beside_its_field(self, books: Books) -> None:
        end = timezone.now() + DAY
        mitigated(books.rule_apart, books.requester, ends_at=end, review_at=end)
        started(books)
        with pytest.raises(Invalid) as refused:
            books.submit(entitlement_ids=(books.pay.pk,), term=3 * DAY)
        assert "covers it" in refused.value.fields["term"]

    def test_is_for_one_human_alone(self, books: Books) -> None:
        mitigated(books.rule_apart, books.requester)
        books.requester = person("Other", manager=books.manager)
        account(books.requester, books.system)
        started(books)
        assert states(books.ask(books.pay)) == {ItemState.DENIED}

    def test_covers_nothing_from_its_end_on_whether_or_not_a_scan_has_run(self, books: Books) -> None:
        covers = mitigated(books.rule_apart, books.requester)
        started(books)
        assert not Mitigation.objects.live(covers.ends_at).exists()
        assert Mitigation.objects.live(covers.ends_at - timedelta(microseconds=1)).exists()
