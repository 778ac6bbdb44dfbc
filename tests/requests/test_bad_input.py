"""What a form may carry that must not pass: each is refused beside its field, in words, and leaves nothing behind."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from governance.catalog.states import Risk
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.policy.models import PolicyDecision
from governance.purposes.states import PurposeState
from governance.requests.actions import answer, submit, withdraw
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from tests.builders import Organisation, account, actor, draft, entitlement, machine, person, purpose, rule
from tests.leases import HOUR, decided
from tests.rules.sql import run

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
AGES = timedelta(days=999_999_999)


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture(autouse=True)
def _nothing_left(db: None) -> Iterator[None]:
    """Nothing that a refused request would have stored is there afterwards."""
    yield
    if not AccessRequest.objects.exists():
        assert not PolicyDecision.objects.exists()
        assert not Grant.objects.exists()


def refused(org: Organisation, **fields: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as error:
        org.submit(**fields)
    return error.value.fields


class TestTheDuration:
    @pytest.mark.parametrize(
        ("fields", "field", "words"),
        [
            ({"term": timedelta()}, "term", "A lease lasts a minute at least."),
            ({"term": -HOUR}, "term", "A lease lasts a minute at least."),
            ({"term": timedelta(seconds=59)}, "term", "A lease lasts a minute at least."),
            ({"term": None}, "term", "Say for how long, or until when."),
            ({"term": 31 * DAY}, "term", "is leased for at most 30 days"),
            ({"term": AGES}, "term", "is leased for at most 30 days"),
        ],
    )
    def test_is_refused(self, org: Organisation, fields: dict[str, Any], field: str, words: str) -> None:
        found = refused(org, **fields)
        assert list(found) == [field]
        assert words in found[field]

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [
            (-DAY, "The end lies in the past."),
            (timedelta(), "The end lies in the past."),
            (31 * DAY, "at most 30 days"),
        ],
    )
    def test_until_a_moment_is_refused(self, org: Organisation, ahead: timedelta, words: str) -> None:
        found = refused(org, term=None, until=timezone.now() + ahead)
        assert list(found) == ["until"]
        assert words in found["until"]

    def test_is_not_both_a_term_and_an_end(self, org: Organisation) -> None:
        assert list(refused(org, until=timezone.now() + HOUR)) == ["term"]

    def test_beyond_the_purposes_end_is_refused_with_it(self, org: Organisation) -> None:
        org.purpose = purpose(org.owner, org.entitlement, ends_at=timezone.now() + HOUR)
        assert "The purpose ends on" in refused(org)["term"]

    def test_beyond_the_purposes_review_is_refused_with_it(self, org: Organisation) -> None:
        org.purpose = purpose(org.owner, org.entitlement, ends_at=None, review_at=timezone.now() + HOUR)
        assert "No lease outlasts the review of the purpose" in refused(org)["term"]

    def test_beyond_a_rules_cap_is_refused_with_its_reason(self, org: Organisation) -> None:
        rule(key="POL-CAP", cap_seconds=3600)
        assert "Because." in refused(org)["term"]

    @pytest.mark.parametrize("term", [timedelta(minutes=1), 30 * DAY])
    def test_at_its_limits_is_accepted(self, org: Organisation, term: timedelta) -> None:
        assert org.submit(term=term).state == "in_review"


class TestTheWords:
    @pytest.mark.parametrize("words", ["", " ", "ok", "         \n\t        ", "too short"])
    def test_that_tell_an_approver_nothing_are_refused(self, org: Organisation, words: str) -> None:
        assert list(refused(org, justification=words)) == ["justification"]

    def test_are_kept_as_they_are(self, org: Organisation) -> None:
        words = '<b>Books</b> & "quotes" \N{EURO SIGN} 名前 \'; DROP TABLE'
        assert org.submit(justification=f"  {words}\n").justification == words

    def test_of_long_names_fit_everywhere(self, org: Organisation) -> None:
        """Names have two hundred characters; sentences made of them have more than their columns."""
        long = "N" * 200
        org.system.name = long
        run("UPDATE governance_system SET name = %s", long)
        run("UPDATE governance_entitlement SET name = %s", long)
        run("UPDATE governance_identity SET name = %s", long)
        run("UPDATE governance_purpose SET name = %s", long)
        for row in (org.requester, org.manager, org.owner, org.purpose, org.entitlement):
            row.refresh_from_db()
        decided(org.submit(), org.manager, org.owner)
        assert Grant.objects.exists()


class TestWhatIsAskedFor:
    def test_is_something(self, org: Organisation) -> None:
        assert list(refused(org, entitlement_ids=())) == ["entitlements"]

    def test_is_open_to_the_holders_kind(self, org: Organisation) -> None:
        org.entitlement = entitlement(org.system, org.owner, allowed_kinds=["agent"])
        org.purpose = purpose(org.owner, org.entitlement)
        assert "is not open to this kind of identity: Person" in refused(org)["entitlements"]

    def test_is_justified_by_the_purpose(self, org: Organisation) -> None:
        other = purpose(org.owner)
        found = refused(org, purpose_id=other.pk)
        assert found == {"entitlements": f"Purpose {other.reference} does not justify {org.entitlement.name}."}

    def test_is_justified_item_by_item(self, org: Organisation) -> None:
        other = entitlement(org.system, org.owner)
        assert other.name in refused(org, entitlement_ids=(org.entitlement.pk, other.pk))["entitlements"]

    def test_has_an_account_to_stand_on(self, org: Organisation) -> None:
        org.requester = person("Newcomer", manager=org.manager)
        assert refused(org) == {"entitlements": f"Newcomer has no account on {org.system}."}

    def test_is_asked_for_once(self, org: Organisation) -> None:
        first = org.submit()
        assert refused(org) == {"entitlements": f"{first} already asks for {org.entitlement} for this purpose."}

    @pytest.mark.parametrize(
        "fields", [{"beneficiary_id": uuid4()}, {"purpose_id": uuid4()}, {"entitlement_ids": (uuid4(),)}]
    )
    def test_exists(self, org: Organisation, fields: dict[str, Any]) -> None:
        with pytest.raises(NotFound):
            org.submit(**fields)

    def test_is_not_retired(self, org: Organisation) -> None:
        run("UPDATE governance_entitlement SET state = 'retired'")
        with pytest.raises(NotFound):
            org.submit()

    @pytest.mark.parametrize("state", sorted(set(PurposeState) - {PurposeState.ACTIVE}))
    def test_is_for_an_active_purpose(self, org: Organisation, state: str) -> None:
        org.purpose = purpose(org.owner, org.entitlement, state=state)
        with pytest.raises(NotFound):
            org.submit()

    def test_is_for_a_purpose_that_has_not_ended(self, org: Organisation) -> None:
        org.purpose = purpose(org.owner, org.entitlement, ends_at=timezone.now() - HOUR)
        with pytest.raises(NotFound):
            org.submit()

    def test_that_a_rule_denies_is_recorded_as_denied(self, org: Organisation) -> None:
        rule(key="POL-NO", condition=f"entitlement.risk == '{Risk.MODERATE}'", deny=True)
        item = org.submit().items.get()
        assert (item.state, item.state_reason) == (ItemState.DENIED, "Because.")


class TestForWhom:
    def test_is_not_somebody_else(self, org: Organisation) -> None:
        account(org.stranger, org.system)
        with pytest.raises(NotFound):
            org.submit(beneficiary_id=org.stranger.pk)

    def test_may_be_ones_report_and_not_ones_manager(self, org: Organisation) -> None:
        assert self.asks(org, org.manager, org.requester).beneficiary == org.requester
        account(org.manager, org.system)
        with pytest.raises(NotFound):
            self.asks(org, org.requester, org.manager)

    def test_is_not_the_machine_identity_of_another(self, org: Organisation) -> None:
        robot = machine(org.owner)
        account(robot, org.system)
        with pytest.raises(NotFound):
            org.submit(beneficiary_id=robot.pk)

    def test_may_be_ones_own_machine_identity(self, org: Organisation) -> None:
        robot = machine(org.requester)
        account(robot, org.system)
        assert org.submit(beneficiary_id=robot.pk).beneficiary == robot

    @pytest.mark.parametrize("state", ["suspended", "ended", "on_leave"])
    def test_is_not_asked_by_somebody_who_may_not_act(self, org: Organisation, state: str) -> None:
        run("UPDATE governance_identity SET state = %s WHERE id = %s", state, org.requester.pk)
        with pytest.raises(NotFound):
            org.submit()

    def asks(self, org: Organisation, who: Identity, whom: Identity) -> AccessRequest:
        return submit(draft=draft(whom, org.entitlement, org.purpose), actor=actor(who), now=timezone.now())


class TestTheForm:
    def test_sent_twice_is_one_request(self, org: Organisation) -> None:
        token = uuid4()
        assert org.submit(form_token=token) == org.submit(form_token=token)
        assert AccessRequest.objects.count() == 1

    def test_of_somebody_else_is_refused(self, org: Organisation) -> None:
        token = uuid4()
        org.submit(form_token=token)
        account(org.stranger, org.system)
        wish = draft(org.stranger, org.entitlement, org.purpose, form_token=token)
        with pytest.raises(Invalid) as error:
            submit(draft=wish, actor=actor(org.stranger), now=timezone.now())
        assert list(error.value.fields) == ["form_token"]


class TestARequest:
    def test_of_somebody_else_does_not_exist(self, org: Organisation) -> None:
        request = org.submit()
        stranger = actor(org.stranger)
        with pytest.raises(NotFound):
            withdraw(request_id=request.pk, actor=stranger, reason="", now=timezone.now())
        with pytest.raises(NotFound):
            withdraw(request_id=uuid4(), actor=stranger, reason="", now=timezone.now())

    def test_is_withdrawn_by_its_requester_alone(self, org: Organisation) -> None:
        request = org.submit()
        with pytest.raises(Denied):
            withdraw(request_id=request.pk, actor=actor(org.manager), reason="", now=timezone.now())

    def test_is_withdrawn_once(self, org: Organisation) -> None:
        request, mine = org.submit(), actor(org.requester)
        withdraw(request_id=request.pk, actor=mine, reason="", now=timezone.now())
        with pytest.raises(Conflict, match="withdrawn already"):
            withdraw(request_id=request.pk, actor=mine, reason="", now=timezone.now())

    def test_has_no_answer_without_words_or_without_a_question(self, org: Organisation) -> None:
        request, mine = org.submit(), actor(org.requester)
        with pytest.raises(Invalid):
            answer(request_id=request.pk, question_id=uuid4(), text=" ", actor=mine, now=timezone.now())
        with pytest.raises(NotFound):
            answer(request_id=request.pk, question_id=uuid4(), text="Yes", actor=mine, now=timezone.now())
