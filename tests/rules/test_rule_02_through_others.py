"""Rule 2 against any order of events: nobody's own request is decided by themselves, nor by others standing in alone.

Hypothesis draws an organisation: humans with several identities, who reports to whom, teams, who owns what, and the
steps that policy asks for. Then everybody asks, decides, delegates, takes back, hands steps on and things over, joins
teams, or lets it wait until others are brought in. What was decided is held against the tables in words of this test's
own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import pytest
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from governance.approvals import actions
from governance.approvals.delegating import Terms
from governance.approvals.handing_on import BROUGHT_IN
from governance.approvals.models import ApprovalStep, Decision, Delegation, Reassignment, StepApprover
from governance.approvals.states import Provenance, Verdict
from governance.core.actor import Actor
from governance.core.errors import DomainError
from governance.core.locking import locked_all, unit_of_work
from governance.core.models import Governed
from governance.core.moves import create
from governance.grants.models import Grant
from governance.identities.models import Identity, Ownership, Team, TeamMembership
from governance.identities.moves import pass_on
from governance.identities.states import OwnerRole
from governance.requests import actions as requests
from governance.requests.models import AccessRequest, RequestItem
from tests import builders
from tests.delegations import moved
from tests.harness.undone import undone

MINUTE: Final = timedelta(minutes=1)
PEOPLE: Final = 6
KINDS: Final = ("manager", "purpose_owner", "entitlement_owner", "system_owner", "security", "team", "identity_owner")
REACHED: Final = {
    "asked",
    "delegated",
    "taken back",
    "handed on",
    "brought in",
    "approved",
    "approved for another",
    "granted",
    "refused",
}
"""What a play comes to: without it it would prove little."""

who = st.integers(min_value=0, max_value=99)
several = st.sets(st.integers(min_value=0, max_value=PEOPLE - 1), max_size=3)
step = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "required": st.sampled_from([1, 1, 2]),
        "everyone": st.sampled_from([False, False, True]),
        "stage": st.sampled_from([0, 1]),
    }
)


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody has changed who answers for a thing, or who is in a team."""

    at: datetime
    human: UUID | None
    thing: UUID


class Others(RuleBasedStateMachine):
    """Everybody plays for themselves."""

    reached: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[Changed] = []
        self.asks = 0
        self.undo = ExitStack()
        self.undo.enter_context(undone())
        self.now = timezone.now()

    def teardown(self) -> None:
        self.undo.close()

    # The organisation -------------------------------------------------------------------------------------------------

    @initialize(
        managers=st.lists(st.integers(min_value=-1, max_value=PEOPLE - 1), min_size=PEOPLE, max_size=PEOPLE),
        twins=several,
        teams=st.tuples(several, several, several),
        owners=st.tuples(who, who, who, who),
        by_team=st.booleans(),
        asker=who,
        steps=st.lists(step, min_size=1, max_size=3, unique_by=lambda one: one["kind"]),
    )
    def found(
        self,
        *,
        managers: list[int],
        twins: set[int],
        teams: tuple[set[int], set[int], set[int]],
        owners: tuple[int, int, int, int],
        by_team: bool,
        asker: int,
        steps: list[dict[str, Any]],
    ) -> None:
        self.people: list[Identity] = []
        for manager in managers:
            self.people.append(
                builders.person(manager=self.people[manager] if -1 < manager < len(self.people) else None)
            )
        self.people += [builders.person(human=self.people[one].human) for one in sorted(twins)]
        for key, members in zip(("governance", "security", "ledger"), teams, strict=True):
            builders.team(key, *(self.people[one] for one in sorted(members)))
        purpose, system, entitlement, robot = (self.one(number) for number in owners)
        self.system = builders.system(system)
        self.what = builders.entitlement(self.system, entitlement)
        self.offers = [self.what, *(builders.entitlement(self.system, self.one(owners[1])) for _ in range(3))]
        self.why = builders.purpose(purpose, *self.offers)
        self.robot = builders.machine(robot)
        if by_team:
            self.give(self.what, Team.objects.get(key="ledger"), builders.BUILDER)
        for one in (*self.people, self.robot):
            builders.account(one, self.system)
        builders.rule(steps=[{**one, **({"team": "ledger"} if one["kind"] == "team" else {})} for one in steps])
        self.now = timezone.now() + MINUTE
        self.asked(asker, robot=False)

    def one(self, number: int) -> Identity:
        return self.people[number % len(self.people)]

    def acting(self, one: Identity) -> Actor:
        """Signed in, with all identities of the same human."""
        mine = Identity.objects.filter(human=one.human_id).values_list("pk", flat=True)
        return replace(builders.actor(one), identity_ids=frozenset(mine))

    # What everybody does ----------------------------------------------------------------------------------------------

    @rule(asker=who, whom=st.one_of(st.none(), who), robot=st.booleans())
    def ask(self, asker: int, whom: int | None, robot: bool) -> None:
        self.asked(asker, whom, robot=robot)

    def asked(self, asker: int, whom: int | None = None, *, robot: bool) -> None:
        """Somebody asks for themselves, for somebody else, or for the machine identity."""
        beneficiary = self.robot if robot else self.one(asker if whom is None else whom)
        self.asks += 1
        wish = builders.draft(beneficiary, self.offers[self.asks % len(self.offers)], self.why)
        with self.tried("asked"):
            requests.submit(draft=wish, actor=self.acting(self.one(asker)), now=self.tick())

    @rule(which=who, yes=st.sampled_from([True, True, True, False]), times=st.integers(min_value=1, max_value=3))
    def answer(self, which: int, yes: bool, times: int) -> None:
        """Somebody who is asked decides, and others after them."""
        for _ in range(times):
            self.answered(which, yes=yes)

    def answered(self, which: int, *, yes: bool) -> None:
        if found := self.waiting(which):
            row = found[which % len(found)]
            self.decide(row.step_id, row.identity, Verdict.APPROVE if yes else Verdict.REJECT)

    @rule(which=who, decider=who)
    def intrude(self, which: int, decider: int) -> None:
        """Anybody tries to decide anything."""
        if found := self.open_steps():
            self.decide(found[which % len(found)], self.one(decider), Verdict.APPROVE)

    def decide(self, step_id: UUID, decider: Identity, verdict: Verdict) -> None:
        with self.tried("decided"):
            by, now = self.acting(decider), self.tick()
            said = actions.decide(step_id=step_id, verdict=verdict, reason="It is so.", actor=by, now=now)
            if said.verdict == Verdict.APPROVE:
                self.reached["approved for another" if said.on_behalf_of_id else "approved"] += 1

    @rule(delegator=who, delegate=who, kind=st.sampled_from(["", "", *KINDS]), minutes=st.sampled_from([2, 20, 200]))
    def delegate(self, delegator: int, delegate: int, kind: str, minutes: int) -> None:
        self.delegated(self.one(delegator), self.one(delegate), kind, minutes)

    @rule(which=who, other=who, way=st.sampled_from(["hand on", "leave", "come back"]))
    def have_another_decide(self, which: int, other: int, way: str) -> None:
        """By handing a step on, or by a delegation, which ends again."""
        if way == "hand on":
            self.hand_on(which, other)
        else:
            self.leave(which, other)
        if way == "come back":
            self.take_back(which)

    def leave(self, which: int, delegate: int) -> None:
        """Somebody who is asked delegates, and whoever is then asked for another decides."""
        if found := self.waiting(which):
            self.delegated(found[which % len(found)].identity, self.one(delegate), "", 20)
        for standing_in in [row for row in self.waiting(which) if row.on_behalf_of_id][:1]:
            self.decide(standing_in.step_id, standing_in.identity, Verdict.APPROVE)

    def delegated(self, delegator: Identity, delegate: Identity, kind: str, minutes: int) -> None:
        with self.tried("delegated"):
            now = self.tick()
            terms = Terms(kind, "Away.", now, now + minutes * MINUTE)
            actions.delegate(delegate_id=delegate.pk, terms=terms, actor=self.acting(delegator), now=now)
            moved(now)

    def hand_on(self, which: int, taker: int) -> None:
        """Somebody who is asked has another asked in their place, who then decides, as they themselves try to."""
        if found := self.waiting(which):
            row, other = found[which % len(found)], self.one(taker)
            with self.tried("handed on"):
                by, now, why = self.acting(row.identity), self.tick(), "You know it."
                actions.reassign(step_id=row.step_id, taker_id=other.pk, reason=why, actor=by, now=now)
            for decider in (row.identity, other):
                self.decide(row.step_id, decider, Verdict.APPROVE)

    @rule()
    def nobody_answers(self) -> None:
        """Days pass: others are brought in, and one of them decides."""
        self.now += timedelta(days=4)
        late = [one for one in self.open_steps() if actions.escalate(step_id=one, now=self.now)]
        moved(self.now)
        besides = StepApprover.objects.filter(ends_at=None, step__in=late, via=BROUGHT_IN).select_related("identity")
        for row in besides.order_by("pk")[:1]:
            self.reached["brought in"] += 1
            self.decide(row.step_id, row.identity, Verdict.APPROVE)

    def waiting(self, asker: int) -> list[StepApprover]:
        """Who is asked for what; where nothing waits, somebody asks first, so that no play runs dry."""
        rows = StepApprover.objects.filter(ends_at=None, step__state="open").order_by("pk").select_related("identity")
        if not rows.exists():
            self.asked(asker, robot=False)
        return list(rows.all())

    def open_steps(self) -> list[UUID]:
        return list(ApprovalStep.objects.filter(state="open").order_by("pk").values_list("pk", flat=True))

    @rule(which=who)
    def take_back(self, which: int) -> None:
        if live := list(Delegation.objects.at(self.now).order_by("pk").select_related("delegate")):
            found = live[which % len(live)]
            with self.tried("taken back"):
                by, now = self.acting(found.delegate), self.tick()
                actions.end_delegation(delegation_id=found.pk, reason="Back.", actor=by, now=now)

    @rule(thing=st.integers(min_value=0, max_value=3), giver=who, holder=who)
    def hand_over(self, thing: int, giver: int, holder: int) -> None:
        """Somebody has another answer for a thing, or for the machine identity."""
        things: tuple[Governed, ...] = (self.what, self.system, self.why, self.robot)
        by = self.one(giver)
        self.give(things[thing], self.one(holder), self.acting(by))
        self.changes.append(Changed(self.now, by.human_id, things[thing].pk))

    def give(self, thing: Governed, holder: Identity | Team, by: Actor) -> None:
        with unit_of_work():
            pass_on(thing, holder, OwnerRole.OWNER, actor=by, why="Handed over", now=self.tick())

    @rule(key=st.sampled_from(["governance", "security", "ledger"]), giver=who, member=who)
    def join(self, key: str, giver: int, member: int) -> None:
        team, one, now = Team.objects.get(key=key), self.one(member), self.tick()
        if TeamMembership.objects.filter(team=team, identity=one).exists():
            return
        with unit_of_work():
            locked_all(Identity.objects.filter(pk=one.pk))
            joined = TeamMembership(team=team, identity=one, starts_at=now)
            create(joined, actor=self.acting(self.one(giver)), why="Joined", now=now)
        self.changes.append(Changed(now, self.one(giver).human_id, team.pk))

    @rule(minutes=st.sampled_from([1, 30]))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        moved(self.now)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def tried(self, what: str) -> Any:
        return Tried(self.reached, what)

    # What holds after each step ---------------------------------------------------------------------------------------

    @invariant()
    def nobody_decides_for_their_own_access(self) -> None:
        for decision, request in self.approvals():
            own = self.concerned(request, decision.at)
            assert not own & self.names(decision), f"{decision.decider} for {decision.on_behalf_of} on {request}"

    @invariant()
    def nobody_has_a_say_twice_on_one_route(self) -> None:
        said: dict[UUID, list[set[UUID | None]]] = {}
        for decision, _ in self.approvals():
            assert decision.step is not None
            said.setdefault(decision.step.route_id, []).append(self.names(decision))
        for all_of_them in said.values():
            assert sum(map(len, all_of_them)) == len(set().union(*all_of_them))

    @invariant()
    def whoever_changed_who_decides_has_no_say(self) -> None:
        """Who answers for what a step asks about, or is in a team that it may ask, and to whom it was handed."""
        fallbacks = set(Team.objects.filter(key__in=["governance", "security"]).values_list("pk", flat=True))
        for decision, _ in self.approvals():
            assert decision.step is not None
            route = decision.step.route
            steps = ApprovalStep.objects.filter(route=route)
            asked_about = {*steps.values_list("target_id", flat=True), *filter(None, [route.beneficiary_id])}
            owning = Ownership.objects.filter(subject_id__in=asked_about, team__isnull=False)
            matters = asked_about | fallbacks | set(owning.values_list("team", flat=True))
            made = {
                one.human for one in self.changes if one.thing in matters and route.opened_at <= one.at <= decision.at
            }
            gave = Reassignment.objects.filter(step__in=steps, at__lte=decision.at)
            made |= set(gave.values_list("giver__human", flat=True))
            assert not made & self.names(decision), f"{decision.decider} after a change of theirs"

    @invariant()
    def who_decides_for_another_was_asked_to_by_them(self) -> None:
        for decision, _ in self.approvals():
            if decision.provenance == Provenance.HUMAN_FOR_ANOTHER:
                assert decision.on_behalf_of is not None
                terms = Delegation.objects.filter(
                    Q(ends_at__gt=decision.at),
                    delegate=decision.decider,
                    delegator__human=decision.on_behalf_of.human_id,
                    starts_at__lte=decision.at,
                )
                assert terms.exists()

    @invariant()
    def nothing_is_granted_without_a_yes_of_somebody_else(self) -> None:
        items = {decision.subject_id for decision, _ in self.approvals()}
        for grant in Grant.objects.filter(source_kind=RequestItem.NOUN):
            assert grant.source_id in items
            self.reached["granted"] += 1

    @invariant()
    def nobody_stands_in_for_whoever_stands_in_for_them(self) -> None:
        live = Delegation.objects.filter(starts_at__lte=self.now, ends_at__gt=self.now)
        pairs = set(live.values_list("delegator__human", "delegate__human"))
        assert not {one for one, _ in pairs} & {other for _, other in pairs} or len({one.kind for one in live}) > 1

    def approvals(self) -> Iterator[tuple[Decision, AccessRequest]]:
        """Each approval with the request that it is about."""
        said = Decision.objects.filter(verdict=Verdict.APPROVE, step__isnull=False)
        items = {one.pk: one.request for one in RequestItem.objects.select_related("request")}
        for decision in said.select_related("decider", "on_behalf_of", "step").order_by("pk"):
            yield decision, items[decision.subject_id]

    def names(self, decision: Decision) -> set[UUID | None]:
        """The humans who have had their say by it."""
        return {one.human_id for one in (decision.decider, decision.on_behalf_of) if one is not None}

    def concerned(self, request: AccessRequest, at: datetime) -> set[UUID | None]:
        """The humans whose own request it was at the moment: who asked, for whom, and who owned that one."""
        then = Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))
        owned = Ownership.objects.filter(then, subject_id=request.beneficiary_id)
        members = TeamMembership.objects.filter(then, team__in=owned.values("team"))
        ids = {request.requester_id, request.beneficiary_id, *owned.values_list("identity", flat=True)}
        ids |= set(members.values_list("identity", flat=True))
        return set(Identity.objects.filter(pk__in=ids - {None}, human__isnull=False).values_list("human", flat=True))


class Tried(suppress):
    """An act that may be refused in words, and counted as one or the other."""

    def __init__(self, reached: Counter[str], what: str) -> None:
        super().__init__(DomainError)
        self.reached, self.what = reached, what

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        """Count it."""
        self.reached[self.what if kind is None else "refused"] += 1
        return bool(super().__exit__(kind, error, trace))


@pytest.mark.django_db
@pytest.mark.parametrize(("examples", "steps"), [(30, 15), pytest.param(2_000, 30, marks=pytest.mark.long)])
def test_no_request_is_decided_by_whose_own_it_is(examples: int, steps: int) -> None:
    Others.reached = Counter()
    run_state_machine_as_test(
        Others,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=examples < 1_000,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert not REACHED - Others.reached.keys()
