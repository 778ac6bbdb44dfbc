"""Rules 4, 5 and 6 against any order of events: leases for three purposes that share one assignment.

Hypothesis plays requester, worker, sweep and clock. A worker may come late, be refused, hear nothing, or be told that
all is done when nothing is. After each step the same things must hold.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from governance.access.models import Assignment
from governance.access.queries import last_seen
from governance.access.states import Observation
from governance.connectors.interface import Refused, Unreachable
from governance.core.errors import Conflict, Invalid
from governance.grants.actions import activate, expire_due
from governance.grants.models import Grant
from governance.grants.states import LIVE, OVER, UNPROVEN, WAITING, GrantState
from governance.provisioning.actions import claim, record
from governance.provisioning.calls import Job, perform
from governance.provisioning.models import ProvisioningTask
from tests.builders import Organisation, entitlement, purpose, step_ids, system
from tests.leases import MINUTE, approve, give_back, newcomer, security, take_away, work
from tests.provisioning.things import Scripted, raises
from tests.rules.sql import commit_so_far

PURPOSES = 3
SHORTEST = timedelta(microseconds=1)
"""What a lease lasts that begins and ends at the same moment."""
chosen = st.integers(min_value=0, max_value=7)


class Leases(RuleBasedStateMachine):
    """Everything that can happen to one account's access to one entitlement."""

    org: ClassVar[Organisation]
    memory: ClassVar[Scripted]
    watch: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.now = timezone.now()
        self.org.system = system(self.org.owner)
        self.org.entitlement = entitlement(self.org.system, self.org.owner)
        self.purposes = [purpose(self.org.owner, self.org.entitlement) for _ in range(PURPOSES)]
        self.holder = newcomer(self.org)
        self.jobs: list[Job] = []
        self.level: tuple[bool, int] = (False, 0)
        self.looked_again = 0
        self.over: set[Any] = set()

    # What can happen ------------------------------------------------------------------------------------------------

    @rule(which=st.integers(min_value=0, max_value=PURPOSES - 1), minutes=st.integers(min_value=1, max_value=90))
    def ask(self, which: int, minutes: int) -> None:
        """Each purpose leases it once at a time."""
        wish = {"purpose_id": self.purposes[which].pk, "term": minutes * MINUTE}
        try:
            request = self.org.submit(now=self.now, **wish)
        except Invalid:
            assert self.grants().filter(purpose=self.purposes[which], ends_at__gt=self.now).exists()
            return
        approve(step_ids(request)[0], self.org.manager, now=self.now)

    @rule()
    def begin(self) -> None:
        for pk in self.grants(WAITING).values_list("pk", flat=True):
            activate(grant_id=pk, now=self.now)

    @rule(minutes=st.integers(min_value=1, max_value=60))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule()
    def sweep(self) -> None:
        expire_due(now=self.now)

    @rule(which=chosen, early=st.booleans(), theirs=st.booleans())
    def end(self, which: int, early: bool, theirs: bool) -> None:
        """Whoever ends a lease may have read the clock a moment before others acted."""
        found = list(self.grants())
        if not found:
            return
        now = self.now - timedelta(milliseconds=5) if early else self.now
        grant = found[which % len(found)]
        try:
            _ = take_away(grant, self.watch, now=now) if theirs else give_back(grant, now=now)
        except Conflict:
            assert grant.state in UNPROVEN | OVER

    @rule()
    def work(self) -> None:
        work(self.now)

    @rule()
    def claim(self) -> None:
        for task in self.tasks().open():
            job = claim(task.pk, now=self.now)
            self.jobs += [job] if job else []

    @precondition(lambda self: self.jobs)
    @rule(which=chosen, trouble=st.sampled_from(["none", "refused", "deaf", "pretends", "blind"]))
    def call(self, which: int, trouble: str) -> None:
        """A worker makes its calls and reports them, at once or long after its claim has run out."""
        job = self.jobs.pop(which % len(self.jobs))
        overdue = job.claimed_until <= self.now
        with Trouble(self.memory, trouble):
            evidence = perform(job, lambda: self.now)
        before = self.generation()
        record(job, evidence, now=self.now, chance=0.0)
        self.looked_again += overdue and self.generation() == before + 1

    # What holds after each step --------------------------------------------------------------------------------------

    @invariant()
    def the_triggers_agree(self) -> None:
        commit_so_far()

    @invariant()
    def it_is_wanted_exactly_while_a_lease_supports_it(self) -> None:
        live = Grant.objects.live(self.now).filter(identity=self.holder).exists()
        unswept = Grant.objects.ended_by(self.now).filter(identity=self.holder).exists()
        wanted, _ = self.now_at()
        assert wanted if live else not wanted or unswept

    @invariant()
    def the_generation_rises_when_that_changes(self) -> None:
        (wanted, generation), (was, before) = self.now_at(), self.level
        again = self.grants([GrantState.PROVISIONING, GrantState.PROVISIONING_FAILED]).count() + self.looked_again
        assert before + (wanted != was) <= generation <= before + (wanted != was) + again
        self.level, self.looked_again = (wanted, generation), 0

    @invariant()
    def at_most_one_task_is_open(self) -> None:
        open_tasks = list(self.tasks().open())
        wanted, generation = self.now_at()
        assert len(open_tasks) <= 1
        for task in open_tasks:
            assert (task.operation == "grant", task.generation) == (wanted, generation)

    @invariant()
    def no_lease_answers_yes_after_its_end(self) -> None:
        assert not Grant.objects.usable(self.now).filter(identity=self.holder, ends_at__lte=self.now).exists()

    @invariant()
    def what_has_ended_is_being_removed_until_it_is_proven(self) -> None:
        if self.grants(UNPROVEN).exists():
            assert self.tasks().open().filter(operation="revoke").exists()

    @invariant()
    def what_begins_is_being_proven(self) -> None:
        if self.grants([GrantState.PROVISIONING]).filter(ends_at__gt=self.now).exists():
            assert self.tasks().open().filter(operation="grant").exists()

    @invariant()
    def only_proof_or_named_support_makes_it_revoked(self) -> None:
        support = [str(grant) for grant in self.grants(LIVE)]
        for grant in self.grants([GrantState.REVOKED]).exclude(pk__in=self.over):
            assignment = Assignment.objects.get(pk=grant.assignment_id)
            look = last_seen([assignment.pk]).get(assignment.pk)
            proven = look is not None and look.observation == Observation.ABSENT and look.at >= grant.ends_at - SHORTEST
            proven = proven and look is not None and look.generation == assignment.generation
            assert proven or any(name in grant.state_reason for name in support)
            self.over.add(grant.pk)

    def teardown(self) -> None:
        """Once everybody has come to rest, the system holds what is wanted and every end is proven."""
        self.now += timedelta(days=1)
        expire_due(now=self.now)
        for _ in range(3):
            work(self.now)
            self.now += timedelta(hours=1)
        assert not self.grants().exclude(state__in=[*WAITING, *OVER]).exists()
        assert (self.org.account.login, self.org.entitlement.key) not in self.memory.held

    # What is read ---------------------------------------------------------------------------------------------------

    def grants(self, states: Any = GrantState.values) -> Any:
        return Grant.objects.filter(identity=self.holder, state__in=states).order_by("pk")

    def tasks(self) -> Any:
        return ProvisioningTask.objects.filter(assignment__account__identity=self.holder)

    def now_at(self) -> tuple[bool, int]:
        rows = Assignment.objects.filter(account__identity=self.holder)
        found: tuple[bool, int] | None = rows.values_list("wanted", "generation").first()
        return found or (False, 0)

    def generation(self) -> int:
        return self.now_at()[1]


class Trouble:
    """What the system does while a worker calls it."""

    TROUBLES: ClassVar[dict[str, tuple[str, Callable[[], Any]]]] = {
        "refused": ("on_change", raises(Refused("Not to me"))),
        "deaf": ("on_change", raises(Unreachable("No route", sent=False))),
        "pretends": ("on_change", lambda: "pretend"),
        "blind": ("on_look", raises(Unreachable("No answer", sent=False))),
    }

    def __init__(self, memory: Scripted, trouble: str) -> None:
        self.memory, self.trouble = memory, self.TROUBLES.get(trouble)

    def __enter__(self) -> None:
        if self.trouble:
            setattr(self.memory, *self.trouble)

    def __exit__(self, *_: object) -> None:
        self.memory.on_change = self.memory.on_look = lambda: None


@pytest.mark.django_db
@pytest.mark.parametrize(("examples", "steps"), [(12, 25), pytest.param(150, 40, marks=pytest.mark.long)])
def test_leases_on_one_assignment(examples: int, steps: int, memory: Scripted) -> None:
    Leases.org, Leases.memory, Leases.watch = Organisation("manager"), memory, security()
    run_state_machine_as_test(
        Leases,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=examples < 100,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
