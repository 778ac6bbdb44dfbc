"""What a machine identity asks for, or others ask for it: whoever answers for it reads of it, answers and refuses."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.approvals.models import Question
from governance.core.actor import Actor
from governance.core.errors import Denied, NotFound
from governance.grants.actors import machine_actor
from governance.grants.models import Grant
from governance.identities.models import Identity
from governance.notifications.models import Notification
from governance.requests.actions import answer, submit, withdraw
from governance.requests.models import AccessRequest
from governance.requests.states import RequestState
from tests.builders import Organisation, account, actor, draft, machine, owned, person, step_ids
from tests.leases import ask_back, begin, decided, work
from tests.provisioning.things import Scripted
from tests.rules.sql import run

pytestmark = pytest.mark.django_db


class Fleet(Organisation):
    """An organisation with a robot that the keeper answers for, and the deputy as backup."""

    def __init__(self) -> None:
        super().__init__("entitlement_owner")
        self.keeper = person("Keeper", manager=self.manager)
        self.deputy = person("Deputy", manager=self.manager)
        self.robot = machine(self.keeper, backup=self.deputy, name="robot")
        account(self.robot, self.system)

    def asks(self, by: Actor | None = None) -> AccessRequest:
        """The robot asks by its token, or somebody asks for it."""
        wish = draft(self.robot, self.entitlement, self.purpose)
        return submit(draft=wish, actor=by or token_of(self.robot), now=timezone.now())


def token_of(robot: Identity) -> Actor:
    found = machine_actor(robot.pk, 1, timezone.now())
    assert found is not None
    return found


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def told(title: str) -> set[str]:
    return set(Notification.objects.filter(title=title).values_list("recipient__name", flat=True))


class TestWhoAnswersForAMachine:
    def test_reads_what_became_of_what_it_asks(self, fleet: Fleet) -> None:
        request = decided(fleet.asks(), fleet.owner)
        assert told(f"{request} is decided") == {"robot", "Keeper"}

    def test_reads_what_became_of_what_another_asks_for_it(self, fleet: Fleet) -> None:
        request = decided(fleet.asks(actor(fleet.deputy)), fleet.owner)
        assert told(f"{request} is decided") == {"Deputy", "Keeper"}

    def test_reads_and_answers_what_it_is_asked(self, fleet: Fleet) -> None:
        request = fleet.asks()
        ask_back(step_ids(request)[0], fleet.owner)
        assert told(f"{request} was returned with a question") == {"robot", "Keeper"}
        question = Question.objects.get()
        said: dict[str, Any] = {
            "request_id": request.pk,
            "question_id": question.pk,
            "text": "Those of May",
            "now": timezone.now(),
        }
        for one in (fleet.stranger, fleet.manager):
            with pytest.raises((Denied, NotFound)):
                answer(**said, actor=actor(one))
        assert answer(**said, actor=actor(fleet.deputy)).state == RequestState.IN_REVIEW
        question.refresh_from_db()
        assert question.answered_by == fleet.deputy

    def test_answers_nothing_that_another_asks_for_it(self, fleet: Fleet) -> None:
        request = fleet.asks(actor(fleet.deputy))
        ask_back(step_ids(request)[0], fleet.owner)
        said: dict[str, Any] = {
            "request_id": request.pk,
            "question_id": Question.objects.get().pk,
            "text": "Those of May",
        }
        with pytest.raises(Denied, match="Only the requester"):
            answer(**said, actor=actor(fleet.keeper), now=timezone.now())

    @pytest.mark.parametrize("who", ["keeper", "deputy"])
    def test_refuses_what_it_asks(self, fleet: Fleet, who: str) -> None:
        request = fleet.asks()
        by: Identity = getattr(fleet, who)
        done = withdraw(request_id=request.pk, actor=actor(by), reason="", now=timezone.now())
        assert done.state == RequestState.WITHDRAWN
        assert request.items.get().state_reason == "Declined by whoever answers for what would have held it"
        assert told(f"{by.name} has declined {request}") == {"robot", "Keeper"} - {by.name}

    def test_refuses_what_another_asks_for_it(self, fleet: Fleet) -> None:
        request = fleet.asks(actor(fleet.deputy))
        withdraw(request_id=request.pk, actor=actor(fleet.keeper), reason="Not now", now=timezone.now())
        assert "Deputy" in told(f"Keeper has declined {request}")

    def test_is_nobody_else(self, fleet: Fleet) -> None:
        request = fleet.asks()
        for one in (fleet.owner, fleet.stranger, fleet.manager):
            with pytest.raises((Denied, NotFound)):
                withdraw(request_id=request.pk, actor=actor(one), reason="", now=timezone.now())

    def test_refuses_in_the_place_of_an_external_too(self, fleet: Fleet) -> None:
        end = timezone.now() + timedelta(days=90)
        guest = person("Guest", manager=fleet.manager, kind="external", ends_at=end)
        owned(guest, fleet.keeper)
        account(guest, fleet.system)
        wish = draft(guest, fleet.entitlement, fleet.purpose)
        request = submit(draft=wish, actor=actor(fleet.requester), now=timezone.now())
        done = withdraw(request_id=request.pk, actor=actor(fleet.keeper), reason="", now=timezone.now())
        assert done.state == RequestState.WITHDRAWN


def approved(fleet: Fleet) -> Grant:
    request = decided(fleet.asks(actor(fleet.deputy)), fleet.owner)
    return Grant.objects.get(source_id=request.items.get().pk)


class TestALease:
    def test_that_can_be_used_is_told_to_who_answers_for_the_machine(self, fleet: Fleet, memory: Scripted) -> None:
        begin(approved(fleet))
        work()
        assert told(f"{fleet.entitlement} is ready to use") == {"Deputy", "Keeper"}

    def test_that_never_began_is_told_to_them_too(self, fleet: Fleet) -> None:
        grant = approved(fleet)
        run("UPDATE governance_account SET identity_id = NULL")
        begin(grant)
        assert told(f"{fleet.entitlement} was not given") == {"Deputy", "Keeper"}
