from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access.states import Observation
from governance.approvals import actions as approvals
from governance.approvals.models import Question
from governance.approvals.states import Verdict
from governance.audit import moves as audit
from governance.audit.models import AuditEvent
from governance.core.events import Event, record
from governance.evidence.entries import EntryKind
from governance.evidence.queries import chain_of_grant, chain_of_request, routes_of
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.lifecycle.founding import Founder, found
from governance.requests import actions as requests
from governance.web.chains import SHOWN_AT_EACH_END, links
from tests import builders, glass
from tests.builders import Organisation
from tests.glass import Outage

K = EntryKind

TO_PRESENT = [K.REQUESTED, K.POLICY, K.APPROVED, K.APPROVED, K.POLICY, K.STARTED, K.PRESENT]


@pytest.fixture
def org(db: None) -> Organisation:
    return Organisation()


@pytest.fixture
def grant(org: Organisation) -> Grant:
    return builders.live_grant(org.submit())


def kinds(grant: Grant) -> list[EntryKind]:
    return [entry.kind for entry in chain_of_grant(grant).entries]


@pytest.mark.django_db
class TestBreakGlass:
    def test_goes_from_the_breaking_to_the_closing(self) -> None:
        outage = Outage()
        taken, by = outage.take(), builders.actor(outage.owner)
        end = glass.gone(taken)
        glass.reviewed(taken, by, now=end)
        glass.close(taken, by, now=end)
        grant = Grant.objects.get(pk=taken.grant_id)
        assert kinds(grant) == [K.POLICY, K.TAKEN, K.POLICY, K.STARTED, K.ENDED, K.REMOVED, K.REVIEWED, K.CLOSED]

    def test_says_who_took_it_and_why(self) -> None:
        outage = Outage()
        drawn = links(chain_of_grant(outage.take().grant), builders.actor(outage.owner), timezone.now())
        assert [(one.title, one.quote) for one in drawn if "at once" in one.title] == [
            ("Requester took it at once", "Payments are stuck since noon.")
        ]


class TestChainOfGrant:
    def test_goes_from_the_request_to_verified_present(self, grant: Grant) -> None:
        assert kinds(grant) == TO_PRESENT

    def test_names_who_decided_and_what_it_rests_on(self, org: Organisation, grant: Grant) -> None:
        entries = chain_of_grant(grant).entries
        assert [entry.by for entry in entries if entry.kind == K.APPROVED] == ["Manager", "Owner"]
        assert all(entry.decision for entry in entries if entry.kind == K.APPROVED)
        assert all(entry.policy for entry in entries if entry.kind == K.POLICY)
        assert entries[-1].verification == grant.assignment.verifications.get()  # type: ignore[union-attr]

    def test_names_on_whose_behalf_somebody_decided(self, org: Organisation, grant: Grant) -> None:
        chain = chain_of_grant(grant)
        entry = next(entry for entry in chain.entries if entry.decision)
        assert entry.decision is not None
        entry.decision.on_behalf_of = org.boss  # as delegation will
        drawn = links(chain, builders.actor(org.boss), timezone.now())
        told = [fact for link in drawn if link.record for fact in link.record.facts]
        assert ("On behalf of", org.boss.name, "") in told

    def test_goes_on_to_verified_absent(self, grant: Grant) -> None:
        grants.expire_due(now=grant.ends_at)
        builders.see(grant, Observation.ABSENT, now=grant.ends_at + timedelta(seconds=2))
        assert kinds(grant) == [*TO_PRESENT, K.ENDED, K.REMOVED]
        seen = chain_of_grant(grant).entries[-1].verification
        assert seen is not None
        assert seen.observation == Observation.ABSENT

    def test_tells_that_a_removal_is_not_proven(self, grant: Grant) -> None:
        grants.expire_due(now=grant.ends_at)
        builders.see(grant, Observation.OTHER_PATH, now=grant.ends_at + timedelta(seconds=2))
        assert kinds(grant) == [*TO_PRESENT, K.ENDED, K.REMOVAL_FAILED]

    def test_tells_what_stands_on_another_lease_apart_from_what_is_gone(self, org: Organisation, grant: Grant) -> None:
        builders.live_grant(org.submit(purpose_id=builders.purpose(org.owner, org.entitlement).pk))
        grants.hand_back(grant_id=grant.pk, actor=builders.actor(org.requester), reason="", now=timezone.now())
        assert kinds(grant) == [*TO_PRESENT, K.ENDED, K.SUPPORTED]

    def test_tells_reminders_with_whom_they_reached(self, org: Organisation) -> None:
        grant = builders.live_grant(org.submit(term=timedelta(days=3)))
        grants.remind_due(now=grant.ends_at - timedelta(hours=20))
        reminded = chain_of_grant(grant).entries[-1]
        assert reminded.kind == K.REMINDED
        assert set(reminded.people) == {"Requester", "Owner"}
        assert reminded.event is None

    def test_tells_why_nothing_was_provisioned(self, org: Organisation) -> None:
        request = org.submit()
        builders.approve_all(request)
        grant = Grant.objects.get()
        builders.rule(deny=True)
        grants.activate(grant_id=grant.pk, now=timezone.now())
        assert kinds(grant)[-2:] == [K.POLICY, K.CANCELLED]
        assert "Because." in chain_of_grant(grant).entries[-1].why

    def test_holds_an_event_whose_body_was_redacted(self, grant: Grant) -> None:
        event = AuditEvent.objects.get(action="grant.active")
        audit.redact(event, actor=builders.BUILDER, why="A name that must go", now=timezone.now())
        last = chain_of_grant(grant).entries[-1]
        assert (last.kind, last.by, last.event) == (K.PRESENT, "", event)

    def test_takes_as_many_queries_however_long_it_is(self, grant: Grant) -> None:
        with CaptureQueriesContext(connection) as short:
            chain_of_grant(grant)
        grants.expire_due(now=grant.ends_at)
        for second in range(20):
            builders.see(grant, Observation.OTHER_PATH, now=grant.ends_at + timedelta(seconds=second))
        with CaptureQueriesContext(connection) as long:
            chain_of_grant(grant)
        assert len(long) == len(short)

    def test_is_whole_however_long_and_drawn_from_both_ends(self, org: Organisation, grant: Grant) -> None:
        task = grant.assignment.tasks.get()  # type: ignore[union-attr]  # what has begun has one
        about = (task.NOUN, task.pk, "a task", "No answer")
        failed = [Event("provisioning_task.failed", builders.BUILDER, *about, timezone.now()) for _ in range(300)]
        with transaction.atomic():
            record(failed)
        chain = chain_of_grant(grant)
        assert len(chain.entries) == len(TO_PRESENT) + len(failed)
        drawn = links(chain, builders.actor(org.requester), timezone.now())
        assert [drawn[0].title, drawn[SHOWN_AT_EACH_END].title[:16]] == ["Requested by Requester", "107 more records"]
        assert len(drawn) == 2 * SHOWN_AT_EACH_END + 1

    def test_says_how_much_of_it_is_sealed(self, grant: Grant) -> None:
        chain = chain_of_grant(grant)
        assert (chain.sealed, len(chain.events)) == (0, len(TO_PRESENT))


class TestChainOfRequest:
    def test_tells_question_and_answer(self, org: Organisation) -> None:
        request, now = org.submit(), timezone.now()
        step = builders.step_ids(request)[0]
        manager, requester = builders.actor(org.manager), builders.actor(org.requester)
        approvals.decide(step_id=step, verdict=Verdict.RETURN, reason="Which?", actor=manager, now=now)
        question = Question.objects.get().pk
        requests.answer(request_id=request.pk, question_id=question, text="These.", actor=requester, now=now)
        entries = chain_of_request(request).entries
        assert [(entry.kind, entry.why) for entry in entries[2:]] == [(K.ASKED, "Which?"), (K.ANSWERED, "These.")]

    def test_ends_with_a_withdrawal(self, org: Organisation) -> None:
        request = org.submit()
        requester = builders.actor(org.requester)
        requests.withdraw(request_id=request.pk, actor=requester, reason="Not needed", now=timezone.now())
        assert chain_of_request(request).entries[-1].kind == K.WITHDRAWN


class TestRoutesOf:
    def test_has_the_steps_of_each_item_in_order(self, org: Organisation) -> None:
        request = org.submit()
        item = request.items.get()
        assert [step.pk for step in routes_of([item.pk])[item.pk]] == builders.step_ids(request)


@pytest.mark.django_db(transaction=True)
class TestChainOfTheFounder:
    def test_begins_with_the_founding(self) -> None:
        grant = found(Founder("ada", "ada@example.com", "Ada Moss", None), now=timezone.now())
        chain = chain_of_grant(grant)
        assert [entry.kind for entry in chain.entries] == [K.FOUNDED, K.POLICY, K.STARTED]
        titles = [link.title for link in links(chain, builders.actor(grant.identity), timezone.now())]
        assert titles == ["Founded", "Policy asked at activation", "Lease started"]
