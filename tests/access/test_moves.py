from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import IntegrityError, InternalError, transaction
from django.db.utils import DatabaseError

from governance.access import moves, queries
from governance.access.models import Assignment, PresencePeriod, Verification
from governance.access.moves import Look
from governance.access.states import Observation
from governance.audit.models import AuditEvent
from governance.core.locking import LockError, locked, unit_of_work
from tests.provisioning.things import BY, NOW, SECOND, TESTER, a_system, an_account, an_assignment, an_entitlement

pytestmark = pytest.mark.django_db

PRESENT, ABSENT = Observation.PRESENT, Observation.ABSENT
OTHER_PATH, UNKNOWN = Observation.OTHER_PATH, Observation.UNKNOWN


@pytest.fixture
def assignment() -> Assignment:
    return an_assignment(a_system())


def look(observation: Observation, after: timedelta = timedelta()) -> Look:
    return Look(observation, NOW + after, method="m" * 100, source="s" * 300, answer_hash="0" * 64, detail="d" * 600)


def see(assignment: Assignment, *looks: Look) -> list[Verification]:
    with unit_of_work():
        held = locked(Assignment.objects.with_names(), assignment.pk)
        return [moves.record_look(held, one, **BY) for one in looks]


def periods(assignment: Assignment) -> Iterator[tuple[int, int | None]]:
    for period in assignment.presence_periods.order_by("starts_at"):
        end = (period.ends_at - NOW).seconds if period.ends_at else None
        yield (period.starts_at - NOW).seconds, end


class TestRecordLook:
    def test_keeps_periods_from_the_first_look_that_saw_it_to_the_first_that_did_not(
        self, assignment: Assignment
    ) -> None:
        seen = [ABSENT, PRESENT, PRESENT, UNKNOWN, ABSENT, ABSENT, PRESENT, OTHER_PATH, PRESENT]
        see(assignment, *(look(one, number * SECOND) for number, one in enumerate(seen)))
        assert list(periods(assignment)) == [(1, 4), (6, 7), (8, None)]

    def test_never_reaches_back(self, assignment: Assignment) -> None:
        see(assignment, look(PRESENT, 5 * SECOND), look(ABSENT, 3 * SECOND), look(PRESENT, 2 * SECOND))
        assert list(periods(assignment)) == [(5, 5), (5, None)]

    def test_cuts_texts_and_keeps_the_hash(self, assignment: Assignment) -> None:
        (kept,) = see(assignment, look(PRESENT))
        assert (len(kept.method), len(kept.source), len(kept.detail), len(kept.answer_hash)) == (64, 200, 500, 64)

    def test_is_an_event(self, assignment: Assignment) -> None:
        (kept,) = see(assignment, look(PRESENT))
        assert AuditEvent.objects.get(subject_id=kept.pk).action == "verification.created"

    def test_needs_the_lock(self, assignment: Assignment) -> None:
        with pytest.raises(LockError), unit_of_work():
            moves.record_look(assignment, look(PRESENT), **BY)


class TestAVerification:
    def test_is_never_changed_or_deleted(self, assignment: Assignment) -> None:
        (kept,) = see(assignment, look(PRESENT))
        rows = Verification.objects.filter(pk=kept.pk)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            rows.update(observation=ABSENT)
        with pytest.raises((IntegrityError, InternalError, DatabaseError), match="append-only"), transaction.atomic():
            rows._raw_delete(rows.db)


class TestHoldAssignment:
    def test_makes_it_once(self) -> None:
        system = a_system()
        account, entitlement = an_account(system), an_entitlement(system)
        found = []
        for _ in range(2):
            with unit_of_work():
                found.append(moves.hold_assignment(account, entitlement, **BY))
        assert found[0] == found[1]
        assert (found[0].wanted, found[0].generation) == (False, 0)


class TestQueries:
    def test_tell_the_last_look_of_each(self, assignment: Assignment) -> None:
        other = an_assignment(a_system())
        see(assignment, look(PRESENT), look(ABSENT, SECOND))
        assert queries.last_seen([assignment.pk, other.pk])[assignment.pk].observation == ABSENT
        assert other.pk not in queries.last_seen([assignment.pk, other.pk])

    def test_tell_no_proof_of_another_generation(self, assignment: Assignment) -> None:
        see(assignment, look(PRESENT))
        assert queries.proof(assignment) is not None
        assignment.generation = 7
        assert queries.proof(assignment) is None

    def test_tell_what_stood_at_a_moment(self, assignment: Assignment) -> None:
        see(assignment, look(PRESENT, SECOND), look(ABSENT, 3 * SECOND))
        stood = [queries.standing_at(NOW + after * SECOND, [assignment.account_id]) for after in range(4)]
        assert [bool(ids) for ids in stood] == [False, True, True, False]

    def test_tell_the_account_of_an_identity(self, assignment: Assignment) -> None:
        assert queries.account_in(assignment.account.system_id, TESTER.id or assignment.pk) is None


class TestTheDatabase:
    def test_holds_one_open_presence_period(self, assignment: Assignment) -> None:
        see(assignment, look(PRESENT))
        with pytest.raises(IntegrityError), transaction.atomic():
            PresencePeriod(assignment=assignment, starts_at=NOW + SECOND).save(force_insert=True)
