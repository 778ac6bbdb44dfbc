"""A yes to less than was asked: a shorter term or an earlier end, which later steps can only shorten further."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.approvals.actions import Proof, decide
from governance.approvals.models import ApprovalStep, Decision, DecisionFile
from governance.approvals.states import StepState, Verdict
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.subjects import Span
from governance.grants.actions import activate
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.requests.models import AccessRequest
from governance.requests.states import ItemState
from tests.builders import Organisation, actor, step_ids
from tests.core.log import events_of
from tests.handwork import a_file
from tests.leases import HOUR, MINUTE, approve

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def allow(step: Any, by: Identity, less: Span | None = None, **said: Any) -> Decision:
    values = {"verdict": Verdict.APPROVE, "reason": "So long is enough", "now": timezone.now(), **said}
    return decide(step_id=step, actor=actor(by), less=less, **values)


def outcome(request: AccessRequest) -> str:
    return request.items.get().state


class TestLess:
    def test_makes_a_lease_that_ends_so_much_earlier(self, org: Organisation) -> None:
        request = org.submit()
        first, second = step_ids(request)
        allow(first, org.manager, Span(term=HOUR))
        approve(second, org.owner)
        item = request.items.get()
        assert (item.state, item.state_reason) == (
            ItemState.APPROVED_REDUCED,
            "Allowed for 1 hour, instead of for 2 hours",
        )
        now = timezone.now()
        grant = activate(grant_id=Grant.objects.get().pk, now=now)
        assert grant.ends_at == now + HOUR

    def test_is_shortened_further_by_a_later_step_alone(self, org: Organisation) -> None:
        request = org.submit()
        first, second = step_ids(request)
        allow(first, org.manager, Span(term=HOUR))
        for term in (HOUR, HOUR + MINUTE, 2 * HOUR):
            with pytest.raises(Invalid, match="shorter than 1 hour"):
                allow(second, org.owner, Span(term=term))
        allow(second, org.owner, Span(term=10 * MINUTE))
        assert Grant.objects.get().term == 10 * MINUTE

    def test_of_an_end_is_an_earlier_end(self, org: Organisation) -> None:
        end = timezone.now() + timedelta(days=5)
        request = org.submit(term=None, until=end)
        first, second = step_ids(request)
        with pytest.raises(Invalid) as refused:
            allow(first, org.manager, Span(until=end))
        assert list(refused.value.fields) == ["until"]
        allow(first, org.manager, Span(until=end - timedelta(days=2)))
        approve(second, org.owner)
        assert Grant.objects.get().ends_at == end - timedelta(days=2)
        assert outcome(request) == ItemState.APPROVED_REDUCED

    @pytest.mark.parametrize("less", [Span(term=timedelta(seconds=59)), Span(term=-HOUR), Span(until=timezone.now())])
    def test_is_of_the_kind_that_was_asked_and_a_minute_at_least(self, org: Organisation, less: Span) -> None:
        step = step_ids(org.submit())[0]
        with pytest.raises(Invalid):
            allow(step, org.manager, less)
        assert ApprovalStep.objects.get(pk=step).state == StepState.OPEN
        assert not Decision.objects.exists()

    def test_of_an_end_that_lies_in_the_past_is_refused(self, org: Organisation) -> None:
        now = timezone.now()
        step = step_ids(org.submit(term=None, until=now + HOUR))[0]
        with pytest.raises(Invalid):
            allow(step, org.manager, Span(until=now), now=now)

    def test_of_what_begins_later_ends_after_it_begins(self, org: Organisation) -> None:
        begin = timezone.now() + timedelta(days=2)
        step = step_ids(org.submit(term=None, starts_at=begin, until=begin + timedelta(days=3)))[0]
        for end in (begin - HOUR, begin):
            with pytest.raises(Invalid, match="and after") as refused:
                allow(step, org.manager, Span(until=end))
            assert list(refused.value.fields) == ["until"]
        assert allow(step, org.manager, Span(until=begin + HOUR)).until == begin + HOUR

    @pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.RETURN])
    def test_is_said_by_a_yes_alone(self, org: Organisation, verdict: Verdict) -> None:
        step = step_ids(org.submit())[0]
        with pytest.raises(Invalid) as refused:
            allow(step, org.manager, Span(term=HOUR), verdict=verdict)
        assert list(refused.value.fields) == ["term"]

    def test_is_told_to_the_requester(self, org: Organisation) -> None:
        request = org.submit()
        first, second = step_ids(request)
        allow(first, org.manager, Span(term=HOUR))
        approve(second, org.owner)
        told = Notification.objects.get(recipient=org.requester, topic="outcome")
        assert "approved with less" in told.body

    def test_stands_in_the_log(self, org: Organisation) -> None:
        request = org.submit()
        allow(step_ids(request)[0], org.manager, Span(term=HOUR))
        said = [one for one in events_of(request.items.get().pk) if one["action"] == "decision.approve"]
        assert said[0]["content"]["facts"]["term"] == 3600

    def test_is_said_by_no_no_in_the_database(self, org: Organisation) -> None:
        request = org.submit()
        made = Decision(
            subject_kind="request_item",
            subject_id=request.items.get().pk,
            verdict=Verdict.REJECT,
            provenance="human",
            decider=org.manager,
            assurance=2,
            reason="No",
            term=HOUR,
            at=timezone.now(),
        )
        with pytest.raises(IntegrityError, match="a_yes_alone_says_to_how_much"), transaction.atomic():
            made.save(force_insert=True)


class TestProof:
    def test_is_kept_with_the_decision(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        made = allow(step, org.manager, proof=Proof(" CHG-4711 ", a_file()))
        kept = DecisionFile.objects.get(decision=made)
        assert (made.ticket, kept.name, kept.media_type) == ("CHG-4711", "badge.png", "image/png")
        facts = next(one for one in events_of(made.subject_id) if one["action"] == "decision.approve")["content"][
            "facts"
        ]
        assert (facts["ticket"], facts["file_sha256"]) == ("CHG-4711", kept.sha256)

    def test_of_a_refused_decision_is_not_kept(self, org: Organisation) -> None:
        step = step_ids(org.submit())[0]
        approve(step, org.manager)
        with pytest.raises(Conflict):
            allow(step, org.manager, proof=Proof(file=a_file()))
        assert not DecisionFile.objects.exists()

    def test_is_no_strangers_to_leave_here(self, org: Organisation) -> None:
        with pytest.raises(NotFound):
            allow(step_ids(org.submit())[0], org.stranger, proof=Proof(file=a_file()))

    @pytest.mark.parametrize("ticket", ["x" * 201, "one\ntwo"])
    def test_has_a_reference_of_one_line(self, org: Organisation, ticket: str) -> None:
        with pytest.raises(Invalid) as refused:
            allow(step_ids(org.submit())[0], org.manager, proof=Proof(ticket))
        assert list(refused.value.fields) == ["ticket"]

    def test_that_shows_nothing_is_refused(self, org: Organisation) -> None:
        with pytest.raises(Invalid) as refused:
            allow(step_ids(org.submit())[0], org.manager, proof=Proof(file=a_file(b"MZ\x00\x01", "run.exe")))
        assert list(refused.value.fields) == ["evidence"]
        assert not Decision.objects.exists()
