from datetime import timedelta
from itertools import pairwise
from time import monotonic

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.access import moves
from governance.access.models import Assignment, Inclusion, PresencePeriod
from governance.access.queries import conferred_by, effective_access
from governance.access.rules import shortest_paths
from governance.audit.models import AuditEvent
from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.core.locking import locked, unit_of_work
from tests.builders import Organisation, account, entitlement, keep, person

pytestmark = pytest.mark.django_db
READER = Actor.system("reader")


@pytest.fixture
def org() -> Organisation:
    return Organisation()


@pytest.fixture
def chain(org: Organisation) -> list[Entitlement]:
    return [entitlement(org.system, org.owner) for _ in range(4)]


@unit_of_work()
def read(entitlement: Entitlement, conferred: Entitlement, *, after: timedelta = timedelta()) -> Inclusion:
    """Record an inclusion as a system has it."""
    now = timezone.now() + after
    told = {"source": "ledger", "seen_at": now, "actor": READER, "why": "Read", "now": now}
    return moves.record_inclusion(entitlement, conferred, **told)  # type: ignore[arg-type]


@unit_of_work()
def ended(inclusion: Inclusion) -> None:
    held = locked(Inclusion.objects.all(), inclusion.pk)
    moves.end_inclusion(held, actor=READER, why="No longer read", now=timezone.now())


def holds(org: Organisation, what: Entitlement, *, wanted: bool = True) -> Assignment:
    return keep(Assignment(account=org.account, entitlement=what, wanted=wanted))


class TestRecordInclusion:
    def test_keeps_one_of_a_pair_and_when_it_was_last_seen(self, chain: list[Entitlement]) -> None:
        first = read(chain[0], chain[1])
        again = read(chain[0], chain[1], after=timedelta(hours=1))
        assert again.pk == first.pk
        assert again.seen_at > first.seen_at
        assert AuditEvent.objects.filter(action="inclusion.seen").count() == 1

    def test_never_goes_back_to_an_earlier_look(self, chain: list[Entitlement]) -> None:
        first = read(chain[0], chain[1])
        assert read(chain[0], chain[1], after=-timedelta(hours=1)).seen_at == first.seen_at

    def test_begins_anew_once_it_has_ended(self, chain: list[Entitlement]) -> None:
        first = read(chain[0], chain[1])
        ended(first)
        assert read(chain[0], chain[1]).pk != first.pk
        assert Inclusion.objects.count() == 2

    def test_is_never_of_an_entitlement_in_itself(self, chain: list[Entitlement]) -> None:
        with pytest.raises(IntegrityError, match="nothing_confers_itself"):
            read(chain[0], chain[0])


class TestEffectiveAccess:
    def test_is_what_is_wanted_or_seen_with_all_that_it_confers(
        self, org: Organisation, chain: list[Entitlement]
    ) -> None:
        one, two, three, four = chain
        read(one, two)
        read(two, three)
        holds(org, one)
        seen = holds(org, four, wanted=False)
        PresencePeriod.objects.create(assignment=seen, starts_at=timezone.now())
        found = effective_access([org.requester.pk]).held
        assert found == {
            one.pk: (one.pk,),
            two.pk: (one.pk, two.pk),
            three.pk: (one.pk, two.pk, three.pk),
            four.pk: (four.pk,),
        }

    def test_is_not_what_is_neither_wanted_nor_seen(self, org: Organisation, chain: list[Entitlement]) -> None:
        gone = holds(org, chain[0], wanted=False)
        now = timezone.now()
        PresencePeriod.objects.create(assignment=gone, starts_at=now - timedelta(hours=1), ends_at=now)
        assert effective_access([org.requester.pk]).held == {}

    def test_is_not_what_an_ended_inclusion_conferred(self, org: Organisation, chain: list[Entitlement]) -> None:
        ended(read(chain[0], chain[1]))
        holds(org, chain[0])
        assert set(effective_access([org.requester.pk]).held) == {chain[0].pk}

    def test_takes_identities_together_and_no_others(self, org: Organisation, chain: list[Entitlement]) -> None:
        holds(org, chain[0])
        other = person()
        keep(Assignment(account=account(other, org.system), entitlement=chain[1], wanted=True))
        assert set(effective_access([org.requester.pk]).held) == {chain[0].pk}
        assert set(effective_access([org.requester.pk, other.pk]).held) == {chain[0].pk, chain[1].pk}

    def test_comes_to_an_end_in_a_circle(self, org: Organisation, chain: list[Entitlement]) -> None:
        for one, two in pairwise([*chain, chain[0]]):
            read(one, two)
        holds(org, chain[2])
        assert set(effective_access([org.requester.pk]).held) == {one.pk for one in chain}

    def test_comes_to_an_end_soon_where_there_are_many_ways(self, org: Organisation) -> None:
        """Two ways at each of 30 levels are more than a thousand million ways."""
        levels = [[entitlement(org.system, org.owner) for _ in range(2)] for _ in range(30)]
        for above, below in pairwise(levels):
            for one in above:
                for two in below:
                    read(one, two)
        holds(org, levels[0][0])
        begun = monotonic()
        assert len(effective_access([org.requester.pk]).held) == 59
        assert monotonic() - begun < 2

    def test_takes_one_query_however_much_there_is(self, org: Organisation, chain: list[Entitlement]) -> None:
        for one, two in pairwise(chain):
            read(one, two)
        for one in chain:
            holds(org, one)
        with CaptureQueriesContext(connection) as taken:
            effective_access([org.requester.pk], [chain[0].pk])
        assert len(taken) == 1


class TestConferredBy:
    def test_tells_of_each_entitlement_what_it_confers(self, chain: list[Entitlement]) -> None:
        one, two, three, _ = chain
        read(one, two)
        read(two, three)
        found = conferred_by([one.pk, three.pk])
        assert found[one.pk][three.pk] == (one.pk, two.pk, three.pk)
        assert found[three.pk] == {three.pk: (three.pk,)}


class TestShortestPaths:
    def test_prefers_the_shorter_way(self, chain: list[Entitlement]) -> None:
        one, two, three, _ = (each.pk for each in chain)
        found = shortest_paths([one], [(one, two), (two, three), (one, three)])
        assert found[three] == (one, three)
