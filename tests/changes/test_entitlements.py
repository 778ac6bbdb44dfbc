"""Proposed changes as a whole, on the kind that edits an entitlement."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.approvals.actions import decide, expire
from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.rules import STEP_TERM
from governance.approvals.states import Verdict
from governance.catalog.models import Entitlement
from governance.catalog.states import CatalogState, Risk
from governance.changes import actions, kinds
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.core.locking import locked, unit_of_work
from governance.core.moves import amend, move
from governance.core.stepup import StepUpRequired
from governance.identities.models import Identity
from governance.notifications.models import Notification
from tests.builders import BUILDER, Organisation, actor, entitlement, machine, person, system
from tests.changing import WHY, approved, asked, edited, steps_of
from tests.core.log import events_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, ask_back, backed, leave, reject

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Organisation:
    return Organisation()


def refused(verb: Any, *args: Any, **payload: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as found:
        verb(*args, **payload)
    return found.value.fields


@unit_of_work()
def renamed(what: Entitlement, **values: Any) -> None:
    row = locked(Entitlement.objects.all(), what.pk)
    amend(row, "edited", actor=BUILDER, why="Meanwhile", now=timezone.now(), **values)


class TestPropose:
    def test_keeps_what_differs_with_what_it_was(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester, description="Reads the books.", privileged=False)
        assert change.payload == {"description": "Reads the books."}
        assert change.before == {"description": "Reads things."}
        assert str(change).startswith("C-")
        assert [event["action"] for event in events_of(change.pk)] == ["proposed_change.proposed"]

    def test_asks_the_owner_and_tells_them(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        (step,) = steps_of(change)
        assert asked(step) == {org.owner}
        said = Notification.objects.get(subject_id=step)
        assert (said.recipient, said.title) == (org.owner, f"Requester proposes a change: {org.entitlement}")

    @pytest.mark.parametrize("payload", [{"privileged": True}, {"risk": "high", "description": "Pays."}])
    def test_asks_a_second_person_where_it_is_or_becomes_risky(self, org: Organisation, payload: Any) -> None:
        other = person("Head")
        on = system(other)
        what = entitlement(on, org.owner)
        first, second = steps_of(edited(what, org.requester, **payload))
        assert asked(first) == {org.owner}
        approve(first, org.owner)
        assert asked(second) == {other}

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "n" * 201}, "name"),
            ({"description": ""}, "description"),
            ({"risk": "grave"}, "risk"),
            ({"privileged": "no"}, "privileged"),
            ({"longest_lease_seconds": 30.5}, "longest_lease_seconds"),
            ({"longest_lease_seconds": True}, "longest_lease_seconds"),
            ({"longest_lease_seconds": 0}, "longest_lease_seconds"),
            ({"longest_lease_seconds": 184 * 86400}, "longest_lease_seconds"),
            ({"risk": "critical", "longest_lease_seconds": 32 * 86400}, "longest_lease_seconds"),
            ({"review_cadence_seconds": 400 * 86400}, "review_cadence_seconds"),
            ({"allowed_kinds": []}, "allowed_kinds"),
            ({"allowed_kinds": ["robot"]}, "allowed_kinds"),
            ({"permits": [{"type": "invoice"}]}, "permits"),
            ({"colour": "red"}, "colour"),
            ({"description": "Reads things."}, "payload"),
        ],
    )
    def test_says_what_is_wrong_at_the_field(self, org: Organisation, payload: Any, field: str) -> None:
        assert set(refused(edited, org.entitlement, org.requester, **payload)) == {field}
        assert not ProposedChange.objects.exists()

    def test_refuses_a_second_while_one_waits(self, org: Organisation) -> None:
        first = edited(org.entitlement, org.requester)
        with pytest.raises(Conflict, match=str(first)):
            edited(org.entitlement, org.stranger, name="Another")

    def test_of_the_same_form_is_one(self, org: Organisation) -> None:
        def sent() -> ProposedChange:
            return actions.propose(
                kind="entitlement.edit",
                subject_id=org.entitlement.pk,
                payload={"name": "Another"},
                reason=WHY,
                token=token,
                actor=actor(org.requester),
                now=timezone.now(),
            )

        token = uuid4()
        assert sent() == sent()
        assert ProposedChange.objects.count() == 1

    def test_needs_a_reason_a_kind_and_a_subject(self, org: Organisation) -> None:
        given: dict[str, Any] = {"payload": {"name": "A"}, "token": uuid4(), "now": timezone.now()}
        by = actor(org.requester)
        say = partial(actions.propose, **given, actor=by)
        pk = org.entitlement.pk
        assert set(refused(say, kind="entitlement.edit", subject_id=pk, reason="No.")) == {"reason"}
        assert set(refused(say, kind="entitlement.burn", subject_id=pk, reason=WHY)) == {"kind"}
        assert set(refused(say, kind="entitlement.edit", subject_id=None, reason=WHY)) == {"subject_id"}
        with pytest.raises(NotFound):
            say(kind="entitlement.edit", subject_id=uuid4(), reason=WHY)

    def test_is_for_active_identities(self, org: Organisation) -> None:
        leave(org.stranger)
        with pytest.raises(Denied):
            edited(org.entitlement, org.stranger)


class TestDeciding:
    def test_applies_it_with_the_last_yes(self, org: Organisation) -> None:
        change = approved(edited(org.entitlement, org.requester, longest_lease_seconds=86400), org.owner)
        assert change.state == ChangeState.APPLIED
        org.entitlement.refresh_from_db()
        assert org.entitlement.longest_lease == timedelta(days=1)
        event = events_of(org.entitlement.pk)[-1]
        assert (event["action"], event["actor_id"]) == ("entitlement.edited", org.owner.pk)
        told = Notification.objects.get(recipient=org.requester, subject_id=change.pk)
        assert told.title == f"{change} is applied"

    def test_is_never_the_proposers(self, org: Organisation) -> None:
        twin = person("Twin", human=org.owner.human)
        for proposer in (org.owner, twin):
            change = edited(org.entitlement, proposer, name=f"By {proposer}")
            (step,) = steps_of(change)
            assert asked(step) == set(org.governance)
            for who in (org.owner, twin):
                with pytest.raises((Denied, NotFound)):
                    approve(step, who)
            assert not Decision.objects.filter(step=step).exists()
            reject(step, org.governance[0])

    def test_is_not_for_whoever_answers_for_the_machine_that_proposes(self, org: Organisation) -> None:
        robot = machine(org.owner)
        (step,) = steps_of(edited(org.entitlement, robot))
        assert asked(step) == set(org.governance)

    def test_takes_two_people_where_two_are_asked(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester, privileged=True)
        first, second = steps_of(change)
        approve(first, org.owner)
        assert asked(second) == set(org.governance)
        with pytest.raises((Denied, NotFound)):
            approve(second, org.owner)
        org.entitlement.refresh_from_db()
        assert not org.entitlement.privileged
        approve(second, org.governance[0])
        org.entitlement.refresh_from_db()
        assert org.entitlement.privileged

    def test_asks_for_a_second_factor_at_high_risk(self, org: Organisation) -> None:
        (step, _) = steps_of(edited(org.entitlement, org.requester, risk=Risk.HIGH))
        weak = actor(org.owner, assurance=1)
        with pytest.raises(StepUpRequired):
            decide(step_id=step, verdict=Verdict.APPROVE, reason="", actor=weak, now=timezone.now())

    def test_no_leaves_everything_as_it_was(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        reject(steps_of(change)[0], org.owner)
        change.refresh_from_db()
        assert (change.state, change.state_reason) == (ChangeState.REJECTED, "It is not needed")
        org.entitlement.refresh_from_db()
        assert org.entitlement.description == "Reads things."

    def test_in_time_or_it_expires(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        assert expire(step_id=steps_of(change)[0], now=timezone.now() + STEP_TERM)
        change.refresh_from_db()
        assert change.state == ChangeState.EXPIRED

    def test_moves_on_when_the_owner_leaves(self, org: Organisation) -> None:
        backed(org.entitlement, org.backup)
        (step,) = steps_of(edited(org.entitlement, org.requester))
        leave(org.owner)
        assert asked(step) == {org.backup}


class TestApplying:
    def test_what_was_changed_meanwhile_fails_and_says_why(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester, description="Reads the books.", name="Books")
        renamed(org.entitlement, name="Ledgers")
        approved(change, org.owner)
        assert change.state == ChangeState.FAILED
        assert change.state_reason == "Changed meanwhile: Name. Propose it anew."
        org.entitlement.refresh_from_db()
        assert (org.entitlement.name, org.entitlement.description) == ("Ledgers", "Reads things.")

    def test_looks_at_what_is_right_by_then(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester, longest_lease_seconds=100 * 86400)
        renamed(org.entitlement, risk=Risk.HIGH)
        approved(change, org.owner)
        assert change.state == ChangeState.FAILED
        assert change.state_reason == "At high risk a lease lasts 92 days at most."

    def test_of_what_was_retired_meanwhile_fails(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        with unit_of_work():
            row = locked(Entitlement.objects.all(), org.entitlement.pk)
            move(row, CatalogState.RETIRED, actor=BUILDER, why="Gone", now=timezone.now())
        assert approved(change, org.owner).state == ChangeState.FAILED

    def test_that_breaks_half_way_leaves_nothing(self, org: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
        kind = kinds.kind_of("entitlement.edit")
        whole = kind.apply

        def half(change: ProposedChange, **by: Any) -> None:
            whole(change, **by)
            raise Conflict("The rest can't be done.")

        monkeypatch.setattr(kind, "apply", half)
        change = approved(edited(org.entitlement, org.requester), org.owner)
        assert (change.state, change.state_reason) == (ChangeState.FAILED, "The rest can't be done.")
        org.entitlement.refresh_from_db()
        assert org.entitlement.description == "Reads things."
        assert [event["action"] for event in events_of(org.entitlement.pk)] == ["entitlement.active"]


class TestWithdraw:
    def test_is_the_proposers_alone(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        take_back = partial(actions.withdraw, change_id=change.pk, reason="", now=timezone.now())
        with pytest.raises(NotFound):
            take_back(actor=actor(org.stranger))
        with pytest.raises(Denied):
            take_back(actor=actor(org.owner))
        assert take_back(actor=actor(org.requester)).state == ChangeState.WITHDRAWN
        with pytest.raises(Conflict):
            take_back(actor=actor(org.requester))
        assert not ApprovalStep.objects.open().filter(route__subject_id=change.pk).exists()


class TestAnswer:
    def test_opens_the_step_again(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        (step,) = steps_of(change)
        ask_back(step, org.owner)
        question = ApprovalStep.objects.get(pk=step).questions.get()
        say = partial(actions.answer, change_id=change.pk, question_id=question.pk, now=timezone.now())
        assert set(refused(say, text=" ", actor=actor(org.requester))) == {"answer"}
        with pytest.raises(Denied):
            say(text="All.", actor=actor(org.owner))
        say(text="All of them.", actor=actor(org.requester))
        assert approved(change, org.owner).state == ChangeState.APPLIED


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @rounds
    def test_two_who_approve_apply_it_once(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            what = entitlement(org.system, org.owner)
            change = edited(what, org.requester, name=f"Round {seed}")
            (step,) = steps_of(change)
            done, refusals = split(at_once(*[partial(approve, step, org.owner)] * 2, seed=seed))
            assert (len(done), [type(error) for error in refusals]) == (1, [Conflict])
            assert [event["action"] for event in events_of(what.pk)].count("entitlement.edited") == 1

    @rounds
    def test_a_yes_against_the_proposers_no_is_one_or_the_other(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            what = entitlement(org.system, org.owner)
            change = edited(what, org.requester, name=f"Round {seed}")
            (step,) = steps_of(change)
            now, by = timezone.now(), actor(org.requester)
            back = partial(actions.withdraw, change_id=change.pk, actor=by, reason="", now=now)
            done, refusals = split(at_once(partial(approve, step, org.owner), back, seed=seed))
            assert (len(done), [type(error) for error in refusals]) == (1, [Conflict])
            what.refresh_from_db()
            change.refresh_from_db()
            assert (change.state == ChangeState.APPLIED) == (what.name == f"Round {seed}")

    @rounds
    def test_two_who_propose_the_same_are_one(self, rounds: int) -> None:
        org = Organisation()
        for seed in seeds(rounds):
            what = entitlement(org.system, org.owner)
            people: list[Identity] = [org.requester, org.stranger]
            acts = [partial(edited, what, one, name=f"By {one}") for one in people]
            done, refusals = split(at_once(*acts, seed=seed))
            assert (len(done), [type(error) for error in refusals]) == (1, [Conflict])


class TestTheDatabase:
    def test_keeps_one_open_change_of_a_kind(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        values = {field.attname: getattr(change, field.attname) for field in change._meta.concrete_fields}
        values |= {"id": uuid4(), "number": change.number + 1, "form_token": uuid4()}
        with pytest.raises(IntegrityError, match="one_open_change_of_a_kind"), transaction.atomic():
            ProposedChange.objects.bulk_create([ProposedChange(**values)])

    def test_knows_no_failure_without_a_reason(self, org: Organisation) -> None:
        change = edited(org.entitlement, org.requester)
        with pytest.raises(IntegrityError, match="failed_change_says_why"), transaction.atomic():
            ProposedChange.objects.filter(pk=change.pk).update(state=ChangeState.FAILED)


def test_every_kind_names_its_fields_and_its_subject() -> None:
    for kind in kinds.known().values():
        assert kind.fields
        assert kind.subject_kind
        assert kind.title
