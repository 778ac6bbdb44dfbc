"""Several items for several beneficiaries in one form: all of it is filed, or nothing."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.approvals.models import ApprovalStep
from governance.catalog.models import Bundle, Entitlement
from governance.core.actor import Role
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.policy.words import minute
from governance.requests import rules
from governance.requests.actions import foreseen, preview_all, submit_all, withdraw
from governance.requests.models import AccessRequest
from governance.requests.queries import catalog_for, open_under
from governance.requests.rules import MOST_BENEFICIARIES, Draft
from governance.requests.states import ItemState, RequestState
from tests import changing
from tests.builders import Organisation, account, actor, draft, entitlement, machine, person, purpose, rule
from tests.leases import decided, granted, reject
from tests.policing import retire
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def mate(org: Organisation, name: str = "Mate") -> Identity:
    """Somebody of the requester's manager, with an account."""
    found = person(name, manager=org.manager)
    account(found, org.system)
    return found


def stated(org: Organisation, *people: Identity, **fields: Any) -> list[Draft]:
    wish = draft(org.requester, org.entitlement, org.purpose, **fields)
    return wish.each([one.pk for one in people])


def send(org: Organisation, *people: Identity, by: Identity | None = None, **fields: Any) -> Collection[AccessRequest]:
    mine = actor(by or org.requester)
    return submit_all(drafts=stated(org, *people, **fields), actor=mine, now=timezone.now())


def replace_rule(org: Organisation, *steps: str, **fields: Any) -> None:
    """Another rule of policy in the place of the organisation's."""
    by = actor(org.stranger, Role.ADMINISTRATOR, Role.SECURITY)
    retire(version_id=org.rule.versions.get().pk, actor=by, why="Replaced", now=timezone.now())
    rule(*steps, **fields)


class TestSubmitAll:
    def test_files_a_request_for_each_under_one_token(self, org: Organisation) -> None:
        other = mate(org)
        filed = send(org, org.requester, other)
        assert [request.beneficiary for request in filed] == [org.requester, other]
        assert len({request.form_token for request in filed}) == 1
        assert all(request.state == RequestState.IN_REVIEW for request in filed)

    def test_reaches_teammates_reports_and_machines_alone(self, org: Organisation) -> None:
        robot = machine(org.manager)
        account(robot, org.system)
        assert len(send(org, org.requester, robot, by=org.manager)) == 2
        account(org.stranger, org.system)
        with pytest.raises(NotFound):
            send(org, mate(org), org.stranger)

    def test_files_nothing_where_one_may_not_hold_it(self, org: Organisation) -> None:
        newcomer = person("Newcomer", manager=org.manager)
        with pytest.raises(Invalid) as error:
            send(org, org.requester, newcomer)
        assert error.value.fields == {"entitlements": f"Newcomer: Newcomer has no account on {org.system}."}
        assert not AccessRequest.objects.exists()

    def test_files_nothing_for_a_purpose_that_ended_meanwhile(self, org: Organisation) -> None:
        run("UPDATE governance_purpose SET ends_at = %s", timezone.now())
        with pytest.raises(NotFound):
            send(org, org.requester, mate(org))
        assert not AccessRequest.objects.exists()

    @pytest.mark.parametrize("many", [0, MOST_BENEFICIARIES + 1])
    def test_asks_for_some_and_not_for_too_many(self, org: Organisation, many: int) -> None:
        wish = draft(org.requester, org.entitlement, org.purpose)
        with pytest.raises(Invalid) as error:
            submit_all(drafts=wish.each([uuid4() for _ in range(many)]), actor=actor(org.requester), now=timezone.now())
        assert list(error.value.fields) == ["beneficiary"]

    def test_makes_no_more_items_than_one_transaction_bears(
        self, org: Organisation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = changing.bundle(org.entitlement, org.owner, org.stranger)
        monkeypatch.setattr(rules, "MOST_IN_ALL", 1)
        with pytest.raises(Invalid) as error:
            send(org, org.requester, mate(org), entitlement_ids=(), bundle_ids=(bundle.pk,))
        assert "One form makes 1 items at most" in error.value.fields["bundles"]
        assert "This would make 2." in error.value.fields["bundles"]
        assert len(send(org, org.requester, entitlement_ids=(), bundle_ids=(bundle.pk,))) == 1

    def test_of_the_same_form_files_nothing_more(self, org: Organisation) -> None:
        other, token = mate(org), uuid4()
        first = send(org, org.requester, other, form_token=token)
        assert list(send(org, org.requester, other, form_token=token)) == list(first)
        with pytest.raises(Invalid) as error:
            send(org, org.requester, form_token=token)
        assert list(error.value.fields) == ["form_token"]
        assert AccessRequest.objects.count() == 2

    def test_decides_each_item_by_itself(self, org: Organisation) -> None:
        rule(key="POL-NO", condition="entitlement.risk == 'critical'", deny=True)
        denied = entitlement(org.system, org.owner, risk="critical")
        org.purpose = purpose(org.owner, org.entitlement, denied)
        (request,) = send(org, org.requester, entitlement_ids=(org.entitlement.pk, denied.pk))
        assert request.state == RequestState.IN_REVIEW
        assert set(request.items.values_list("state", flat=True)) == {ItemState.PENDING, ItemState.DENIED}

    def test_tells_of_what_is_decided_while_others_wait(self, org: Organisation) -> None:
        other = entitlement(org.system, org.owner)
        org.purpose = purpose(org.owner, org.entitlement, other)
        request = org.submit(entitlement_ids=(org.entitlement.pk, other.pk))
        first = request.items.order_by("pk").first()
        assert first is not None
        step = ApprovalStep.objects.get(route__subject_id=first.pk, position=1)
        reject(step.pk, org.manager)
        told = Notification.objects.get(recipient=org.requester, title=f"{request} is decided in part")
        assert f"{first.entitlement}: rejected; 1 still waits" in told.body


class TestForAnother:
    def test_tells_them_and_lets_them_decline(self, org: Organisation) -> None:
        other = mate(org)
        (request,) = send(org, other)
        assert Notification.objects.filter(recipient=other, title="Requester asks for access for you").exists()
        withdraw(request_id=request.pk, actor=actor(other), reason="", now=timezone.now())
        request.refresh_from_db()
        assert request.state == RequestState.WITHDRAWN
        assert request.items.get().state_reason == "Declined by whoever would have held it"
        assert Notification.objects.filter(recipient=org.requester, title=f"Mate has declined {request}").exists()
        assert not Notification.objects.filter(recipient=other, subject_id=request.pk, topic="outcome").exists()

    def test_tells_them_when_it_is_taken_back(self, org: Organisation) -> None:
        other = mate(org)
        (request,) = send(org, other)
        withdraw(request_id=request.pk, actor=actor(org.requester), reason="No need", now=timezone.now())
        told = Notification.objects.get(title=f"Requester has withdrawn {request}")
        assert (told.recipient, told.body) == (other, "No need")

    def test_says_that_it_can_be_declined_while_it_can(self, org: Organisation) -> None:
        send(org, mate(org))
        assert "You can decline it." in Notification.objects.get(title="Requester asks for access for you").body

    def test_says_what_they_were_given_at_once(self, org: Organisation) -> None:
        replace_rule(org, condition="entitlement.risk == 'low'", allow_without_human=True)
        free = entitlement(org.system, org.owner, risk="low")
        org.purpose = purpose(org.owner, free)
        send(org, mate(org), entitlement_ids=(free.pk,))
        body = Notification.objects.get(title="Requester asks for access for you").body
        assert body.endswith(f"You have been given {free}; hand it back if you don't need it.")
        assert "decline" not in body

    def test_tells_both_what_became_of_it(self, org: Organisation) -> None:
        other = mate(org)
        (request,) = send(org, other)
        decided(request, org.manager, org.owner)
        told = Notification.objects.filter(title=f"{request} is decided")
        assert set(told.values_list("recipient", flat=True)) == {org.requester.pk, other.pk}

    def test_is_decided_by_neither_of_them(self, org: Organisation) -> None:
        (request,) = send(org, org.requester, by=org.manager)
        with pytest.raises((Denied, NotFound, Conflict)):
            decided(request, org.manager, org.owner)


class TestBundles:
    @pytest.fixture
    def bundle(self, org: Organisation) -> Bundle:
        return changing.bundle(org.entitlement, org.owner, org.stranger)

    def test_bring_all_that_they_hold(self, org: Organisation, bundle: Bundle) -> None:
        (request,) = send(org, org.requester, entitlement_ids=(), bundle_ids=(bundle.pk,))
        item = request.items.get()
        assert item.entitlement == org.entitlement
        assert item.bundle_version == bundle.versions.get()
        assert item.policy_decision.facts["request"]["bundle"] == bundle.key

    def test_leave_out_what_the_beneficiary_has_asked_for(self, org: Organisation, bundle: Bundle) -> None:
        org.submit()
        with pytest.raises(Invalid) as error:
            send(org, org.requester, entitlement_ids=(), bundle_ids=(bundle.pk,))
        assert "has all of this already" in error.value.fields["entitlements"]

    def test_are_granted_without_waiting_where_policy_says_so(self, org: Organisation) -> None:
        free = entitlement(org.system, org.owner, risk="low")
        org.purpose = purpose(org.owner, free)
        bundle = changing.bundle(free, org.owner, org.stranger, key="free")
        replace_rule(org, "manager", condition="request.bundle == ''")
        rule(condition="request.bundle != '' && entitlement.risk == 'low'", allow_without_human=True)
        (waits,) = send(org, org.requester, entitlement_ids=(free.pk,))
        assert waits.state == RequestState.IN_REVIEW
        withdraw(request_id=waits.pk, actor=actor(org.requester), reason="", now=timezone.now())
        (request,) = send(org, org.requester, entitlement_ids=(), bundle_ids=(bundle.pk,))
        assert request.items.get().state == ItemState.APPROVED
        assert Grant.objects.get().entitlement == free

    def test_are_for_whom_their_criteria_are_true_of(self, org: Organisation) -> None:
        bundle = changing.bundle(
            org.entitlement, org.owner, org.stranger, key="others", criteria="identity.department == 'Sales'"
        )
        with pytest.raises(Invalid) as error:
            send(org, org.requester, entitlement_ids=(), bundle_ids=(bundle.pk,))
        assert error.value.fields == {"bundles": "Others is not for Requester: its criteria don't hold."}

    def test_exist(self, org: Organisation) -> None:
        with pytest.raises(NotFound):
            send(org, org.requester, entitlement_ids=(), bundle_ids=(uuid4(),))


class TestPreview:
    def test_says_of_each_what_would_follow_and_stores_nothing(self, org: Organisation) -> None:
        newcomer = person("Newcomer", manager=org.manager)
        drafts = stated(org, org.requester, newcomer)
        mine, other = preview_all(drafts=drafts, actor=actor(org.requester), now=timezone.now())
        assert (mine.moot, list(other.moot)) == ({}, [org.entitlement.pk])
        assert not AccessRequest.objects.exists()

    def test_takes_no_more_queries_for_more_people_and_items(self, org: Organisation) -> None:
        def queries(people: int, items: int) -> int:
            what = [entitlement(org.system, org.owner) for _ in range(items)]
            org.purpose = purpose(org.owner, *what)
            who = [mate(org, f"Mate {number}") for number in range(people)]
            drafts = stated(org, *who, entitlement_ids=tuple(one.pk for one in what))
            with CaptureQueriesContext(connection) as captured:
                preview_all(drafts=drafts, actor=actor(org.requester), now=timezone.now())
            return len(captured)

        assert queries(2, 2) == queries(6, 8)

    def test_looks_at_equal_steps_once(self, org: Organisation) -> None:
        def queries(items: int) -> int:
            what = [entitlement(org.system, org.owner) for _ in range(items)]
            org.purpose = purpose(org.owner, *what)
            drafts = stated(org, mate(org), entitlement_ids=tuple(one.pk for one in what))
            (proposal,) = preview_all(drafts=drafts, actor=actor(org.requester), now=timezone.now())
            with CaptureQueriesContext(connection) as captured:
                assert len(foreseen(proposal, timezone.now())) == items
            return len(captured)

        replace_rule(org, "manager")
        assert queries(2) == queries(8)


class TestLaterStart:
    def catalog(self, org: Organisation) -> set[Entitlement]:
        """What the form offers to the requester for the purpose."""
        mine = [org.requester]
        return set(open_under(catalog_for(mine, ""), org.purpose, mine, Grant.objects.all(), timezone.now()))

    def test_is_scheduled_and_begins_then(self, org: Organisation) -> None:
        start = timezone.now() + timedelta(days=3)
        (request,) = send(org, org.requester, starts_at=start)
        decided(request, org.manager, org.owner)
        grant = Grant.objects.get()
        assert (grant.state, grant.starts_at) == ("scheduled", start)

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [(-timedelta(minutes=1), "The start lies in the past."), (timedelta(days=91), "A lease begins within 90 days")],
    )
    def test_lies_ahead_and_not_too_far(self, org: Organisation, ahead: timedelta, words: str) -> None:
        with pytest.raises(Invalid) as error:
            send(org, org.requester, starts_at=timezone.now() + ahead)
        assert words in error.value.fields["starts_at"]

    def test_comes_before_the_end(self, org: Organisation) -> None:
        start = timezone.now() + timedelta(days=3)
        with pytest.raises(Invalid) as error:
            send(org, org.requester, starts_at=start, term=None, until=start)
        assert "The end lies before the start." in error.value.fields["until"]

    def test_is_where_caps_are_measured_from(self, org: Organisation) -> None:
        start = timezone.now() + timedelta(days=20)
        ends: dict[str, Any] = {"starts_at": start, "term": None}
        with pytest.raises(Invalid) as error:
            send(org, org.requester, **ends, until=start + timedelta(days=31))
        assert "at most 30 days" in error.value.fields["until"]
        (request,) = send(org, org.requester, **ends, until=start + timedelta(days=30))
        assert request.wanted_until == start + timedelta(days=30)

    def test_does_not_lie_beyond_the_purpose(self, org: Organisation) -> None:
        org.purpose = purpose(org.owner, org.entitlement, ends_at=timezone.now() + timedelta(days=2))
        with pytest.raises(Invalid) as error:
            send(org, org.requester, starts_at=timezone.now() + timedelta(days=3))
        assert "end before it starts" in error.value.fields["entitlements"]

    def test_leaves_the_time_before_it_to_be_asked_for(self, org: Organisation) -> None:
        now = timezone.now()
        later = granted(org, starts_at=now + timedelta(days=60))
        assert self.catalog(org) == {org.entitlement}
        before = granted(org, term=timedelta(days=2))
        assert before.ends_at < later.starts_at
        assert self.catalog(org) == set()

    @pytest.mark.parametrize(
        ("until", "term"), [(timedelta(days=20, seconds=1), None), (None, timedelta(days=13, seconds=1))]
    )
    def test_is_refused_to_what_could_meet_it(
        self, org: Organisation, until: timedelta | None, term: timedelta | None
    ) -> None:
        """A term is counted from its activation, for which it may wait a week."""
        now = timezone.now()
        later = granted(org, starts_at=now + timedelta(days=20))
        with pytest.raises(Invalid) as error:
            org.submit(until=until and now + until, term=term, now=now)
        period = f"from {minute(later.starts_at)} until {minute(later.ends_at)}"
        said = f"{later} already leases {org.entitlement} for this purpose {period}."
        assert error.value.fields["entitlements"] == said
        second = timedelta(seconds=1)
        filed = org.submit(until=until and now + until - second, term=term and term - second, now=now)
        assert filed.state == RequestState.IN_REVIEW

    def test_is_refused_to_what_meets_it_once_it_is_said_yes_to(self, org: Organisation) -> None:
        now = timezone.now()
        later = granted(org, starts_at=now + timedelta(days=10))
        request = decided(org.submit(term=timedelta(days=2)), org.manager, org.owner, now=now + timedelta(days=2))
        period = f"from {minute(later.starts_at)} until {minute(later.ends_at)}"
        assert f"{later} already covers this access for this purpose {period}." == request.items.get().state_reason
