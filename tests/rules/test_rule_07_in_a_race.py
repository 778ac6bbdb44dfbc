"""Rule 7 with two halves of what is kept apart that begin at the same moment, on threads of their own."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance.access.models import Inclusion
from governance.audit.models import AuditEvent
from governance.catalog.models import Entitlement
from governance.core.locking import take_turns, unit_of_work
from governance.grants.models import Grant
from governance.grants.states import GrantState
from governance.purposes.models import Justification
from governance.separation.actions import end_inclusion, scan
from governance.separation.models import SeparationViolation
from governance.separation.queries import MAP
from tests.apart import administrator, confers, drafted, kept_apart
from tests.builders import Organisation, account, entitlement, keep, person, purpose, system
from tests.changing import propose, steps_of
from tests.harness.races import at_once, rounds, seeds, split
from tests.leases import approve, begin, fresh, granted, newcomer

pytestmark = pytest.mark.django_db(transaction=True)

PAIR = {GrantState.PROVISIONING, GrantState.CANCELLED}


class Pair(Organisation):
    """Two halves that share nothing but whoever is to hold them: other systems, other purposes, other owners."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = system(self.owner)
        self.why = purpose(self.backup)
        self.pay, self.lead = self.also(), self.also()

    def also(self) -> Entitlement:
        """Another entitlement for the other purpose, on the other system."""
        made = entitlement(self.bank, self.owner)
        keep(Justification(purpose=self.why, entitlement=made))
        return made

    def half(self, other: Entitlement) -> Grant:
        """The requester's other half, approved and not begun."""
        account(self.requester, self.bank)
        return granted(self, why=self.why, entitlement_ids=(other.pk,))

    def halves(self, other: Entitlement) -> tuple[Grant, Grant]:
        """Both approved, neither begun."""
        return granted(self), self.half(other)


def outcome(*grants: Grant) -> list[str]:
    return sorted(fresh(grant).state for grant in grants)


def unmitigated() -> int:
    """Pairs that all live access holds, as the scan finds them."""
    scan(now=timezone.now())
    return SeparationViolation.objects.filter(state="open").count()


class TestTwoHalvesAtOnce:
    @rounds
    def test_begin_one_at_most(self, rounds: int) -> None:
        org = Pair()
        kept_apart(org.entitlement, org.pay)
        for seed in seeds(rounds):
            newcomer(org)
            one, two = org.halves(org.pay)
            _, refused = split(at_once(partial(begin, one), partial(begin, two), seed=seed))
            assert not refused
            assert outcome(one, two) == sorted(PAIR)
        assert unmitigated() == 0

    @rounds
    def test_begin_one_at_most_where_one_is_conferred(self, rounds: int) -> None:
        org = Pair()
        confers(org.lead, org.pay)
        kept_apart(org.entitlement, org.pay)
        for seed in seeds(rounds):
            newcomer(org)
            one, two = org.halves(org.lead)
            at_once(partial(begin, one), partial(begin, two), seed=seed)
            assert outcome(one, two) == sorted(PAIR)
        assert unmitigated() == 0

    @rounds
    def test_begin_one_at_most_for_two_identities_of_one_human(self, rounds: int) -> None:
        org = Pair()
        kept_apart(org.entitlement, org.pay)
        for seed in seeds(rounds):
            human = newcomer(org).human
            one = granted(org)
            org.requester = person("Again", manager=org.manager, human=human)
            two = org.half(org.pay)
            at_once(partial(begin, one), partial(begin, two), seed=seed)
            assert outcome(one, two) == sorted(PAIR)
        assert unmitigated() == 0


class TestAHalfAndAChangeAtOnce:
    """Whichever comes first, nobody holds both that were kept apart when the second began."""

    @rounds
    def test_of_a_rule(self, rounds: int) -> None:
        org = Pair()
        for seed in seeds(rounds):
            other = org.also()
            newcomer(org)
            one, two = org.halves(other)
            begin(one)
            version = drafted(org.entitlement, other, owner=org.backup)
            (step,) = steps_of(propose("separation_rule.publish", version, administrator()))
            at_once(partial(begin, two), partial(approve, step, org.backup), seed=seed)
            began = fresh(two)
            assert began.state in PAIR
            if began.state == GrantState.PROVISIONING:
                assert self.recorded(began, "provisioning") < self.recorded(version, "in_force")

    @rounds
    def test_of_an_inclusion(self, rounds: int) -> None:
        org = Pair()
        kept_apart(org.entitlement, org.pay)
        for seed in seeds(rounds):
            lead = org.also()
            newcomer(org)
            one, two = org.halves(lead)
            begin(one)
            _, inclusion = at_once(partial(begin, two), partial(confers, lead, org.pay), seed=seed)
            began = fresh(two)
            assert began.state in PAIR
            if began.state == GrantState.PROVISIONING:
                assert self.recorded(began, "provisioning") < self.recorded(inclusion, "created")

    def recorded(self, row: Any, verb: str) -> int:
        """The transaction in which it happened: the log's sequence is drawn while what it is about is held."""
        return AuditEvent.objects.get(subject_id=row.pk, action=f"{row.NOUN}.{verb}").sequence


def waits_for_activations(change: Callable[[], Any]) -> bool:
    """Whether the change waits for an activation that is under way."""
    begun, done = Event(), Event()

    def activation() -> bool:
        with unit_of_work(), connection.cursor() as cursor:
            take_turns(MAP, share=True)
            begun.set()
            while not done.wait(0.01):
                cursor.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                if cursor.rowcount:
                    return True
            return False

    def changing() -> None:
        begun.wait(30)
        try:
            change()
        finally:
            done.set()

    waited, failed = at_once(activation, changing)
    assert failed is None
    return bool(waited)


class TestWhatChangesWhatIsKeptApart:
    def test_waits_for_activations_under_way(self) -> None:
        org, admin = Pair(), administrator()
        version = drafted(org.entitlement, org.pay, owner=org.backup)
        for kind in ("separation_rule.publish", "separation_rule.retire"):
            (step,) = steps_of(propose(kind, version, admin))
            assert waits_for_activations(partial(approve, step, org.backup)), kind
        assert waits_for_activations(partial(confers, org.lead, org.pay))
        told: dict[str, Any] = {"actor": admin, "why": "Taken out", "now": timezone.now()}
        known = Inclusion.objects.get()
        assert waits_for_activations(partial(end_inclusion, inclusion_id=known.pk, **told))
