"""What happens without anybody: time passes, sweeps run, workers call, hang, die, come late, and are told twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from governance.access.models import Assignment
from governance.access.states import Observation
from governance.approvals import actions as approvals
from governance.approvals.models import ApprovalStep
from governance.connectors.interface import Refused, Unreachable
from governance.grants.actions import activate, expire_due
from governance.grants.models import Grant
from governance.grants.states import OVER, UNPROVEN, WAITING
from governance.identities.models import Identity
from governance.lifecycle.actions import end_if_due
from governance.lifecycle.tasks import LIFECYCLE
from governance.provisioning.actions import claim, due, record, run_task
from governance.provisioning.calls import Evidence, Job, perform
from governance.provisioning.models import ProvisioningTask
from tests.leases import HOUR, MINUTE
from tests.provisioning.things import Clock, raises
from tests.rules.machine.people import People, chosen
from tests.rules.machine.world import DAY, begin

TROUBLES: dict[str, tuple[str, Callable[[], Any]]] = {
    "refused": ("on_change", raises(Refused("Not to me"))),
    "deaf": ("on_change", raises(Unreachable("No route", sent=False))),
    "cut": ("after_change", raises(Unreachable("Reset", sent=True))),
    "pretends": ("on_change", lambda: "pretend"),
    "blind": ("on_look", raises(Unreachable("No answer", sent=False))),
    "other path": ("on_look", lambda: Observation.OTHER_PATH),
    "unclear": ("on_look", lambda: Observation.UNKNOWN),
}
"""What the system does while a worker calls it."""
troubles = st.sampled_from(["none", *TROUBLES])


class Workers(People):
    """Everything that goes on by itself, beside what people do."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[Job, Evidence | None]] = list(self.world.slow)
        self.rested = False

    # The clock --------------------------------------------------------------------------------------------------------

    @rule(step=st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 3 * HOUR, DAY, 6 * DAY]))
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @precondition(lambda self: any(lease.standing and lease.ends_at <= self.now for lease in self.leases()))
    @rule()
    def sweep_ends(self) -> None:
        """From now on nothing that has come to its end stands."""
        expire_due(now=self.now)
        assert not Grant.objects.ended_by(self.now).exists()

    @precondition(lambda self: self.has(*WAITING))
    @rule()
    def sweep_starts(self) -> None:
        begin(self.now)

    @precondition(lambda self: self.seen.steps)
    @rule()
    def sweep_approvals(self) -> None:
        """Whoever is asked after this may decide: it is nobody's own access, and nobody is away."""
        for pk in ApprovalStep.objects.overdue(self.now).order_by("due_at", "pk").values_list("pk", flat=True):
            self.reached["steps expired"] += approvals.expire(step_id=pk, now=self.now)
        for pk in (
            ApprovalStep.objects.to_escalate(self.now).order_by("escalates_at", "pk").values_list("pk", flat=True)
        ):
            self.reached["steps escalated"] += approvals.escalate(step_id=pk, now=self.now)
        for pk in ApprovalStep.objects.pending().order_by("pk").values_list("pk", flat=True):
            approvals.ask_again(step_id=pk, now=self.now)
        self.asked_anew = True

    @precondition(lambda self: any(one.is_due(self.now) for one in self.seen.people.values()))
    @rule()
    def sweep_last_days(self) -> None:
        due = Identity.objects.filter(ends_at__lte=self.now).exclude(state="ended").order_by("ends_at", "name")
        for pk in due.values_list("pk", flat=True):
            end_if_due(identity_id=pk, actor=LIFECYCLE, now=self.now)
            self.reach("left on the last day")

    @rule(which=chosen, kind=st.sampled_from(["activate", "run", "end", "expire"]))
    def a_message_comes(self, which: int, kind: str) -> None:
        """Any message may come twice, or long after what it is about is over."""
        match kind:
            case "activate" if self.seen.grants:
                lease = self.pick(self.leases(), which)
                self.nothing_happened = not lease.waiting
                activate(grant_id=lease.id, now=self.now)
            case "run":
                tasks = list(ProvisioningTask.objects.order_by("created_at", "pk").values_list("pk", flat=True))
                task_id = self.pick(tasks, which)
                self.nothing_happened = not ProvisioningTask.objects.due(self.now).filter(pk=task_id).exists()
                run_task(task_id, clock=lambda: self.now, chance=lambda: 0.0)
            case "end":
                end_if_due(identity_id=self.world.people["bob"].pk, actor=LIFECYCLE, now=self.now)
            case "expire":
                steps = list(ApprovalStep.objects.order_by("pk").values_list("pk", flat=True))
                self.nothing_happened = not approvals.expire(step_id=self.pick(steps, which), now=self.now)

    # Workers ----------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_due())
    @rule()
    def work(self) -> None:
        """Workers do all that is due, until there is nothing or no room in the system."""
        before = None
        while (waiting := due(now=self.now)) != before:
            for pk in waiting:
                run_task(pk, clock=lambda: self.now, chance=lambda: 0.0)
            before = waiting

    @precondition(lambda self: self.is_due())
    @rule(trouble=troubles)
    def take_up(self, trouble: str) -> None:
        """Workers take up what is due, call and report: nothing is proven that was not seen."""
        for job in self.claimed():
            evidence = self.performed(job, trouble, Clock(self.now))
            self.reach(f"reported: {record(job, evidence, now=self.now, chance=0.0)}")

    @precondition(lambda self: self.is_due())
    @rule(called=st.booleans(), trouble=troubles)
    def be_slow(self, called: bool, trouble: str) -> None:
        """Workers take up what is due, and have not called yet, or not reported."""
        for job in self.claimed():
            self.jobs.append((job, self.performed(job, trouble, Clock(self.now)) if called else None))

    @precondition(lambda self: self.is_due())
    @rule(called=st.booleans(), trouble=troubles)
    def die(self, called: bool, trouble: str) -> None:
        """Workers take up what is due, and die before they call, or before they report."""
        for job in self.claimed():
            if called:
                self.performed(job, trouble, Clock(self.now))
            self.reach("died after the call" if called else "died before the call")

    @precondition(lambda self: self.is_due())
    @rule(late=st.booleans())
    def be_overtaken(self, late: bool) -> None:
        """While workers are slow, what they work for is turned round, and others see to that; then the first call."""
        overtaken = self.claimed()
        for job in overtaken:
            self.turn_round(job)
        self.now += 10 * MINUTE * late
        self.work()
        for job in overtaken:
            self.every_rule_holds()
            self.report_for(job, None, hangs=late)

    def turn_round(self, job: Job) -> None:
        """End what is leased, or lease again what is not."""
        leases = [lease for lease in self.leases() if lease.assignment == job.assignment_id]
        for lease in leases:
            if lease.standing:
                self.end_as(lease, "security", self.now)
                self.ended[lease.id] = self.now
                self.every_rule_holds()
        if not any(lease.standing for lease in leases):
            self.take(self.named(leases[-1])._replace(minutes=10))
            self.every_rule_holds()

    def claimed(self) -> list[Job]:
        return [job for pk in due(now=self.now) if (job := claim(pk, now=self.now))]

    @precondition(lambda self: self.jobs)
    @rule(which=chosen, hangs=st.booleans())
    def report(self, which: int, hangs: bool) -> None:
        """A worker reports, at once or long after its claim has run out; one that hangs had begun to call before."""
        self.report_for(*self.jobs.pop(which % len(self.jobs)), hangs=hangs)

    def report_for(self, job: Job, evidence: Evidence | None, *, hangs: bool) -> None:
        overdue = job.claimed_until <= self.now
        if evidence is None:
            start = job.claimed_until - timedelta(seconds=job.connector.deadlines.total)  # type: ignore[union-attr]
            evidence = self.performed(
                job, "hangs" if hangs else "none", Clock(start if hangs and overdue else self.now)
            )
        before = self.generations()
        outcome = record(job, evidence, now=self.now, chance=0.0)
        if self.generations() != before:
            assert overdue
            self.looked_again += 1
            self.reach("looked again after a late call")
        self.reach(f"reported{' late' if overdue else ''}: {outcome}")

    def performed(self, job: Job, trouble: str, clock: Clock) -> Evidence:
        """What a worker's calls have shown. One that hangs reaches the system only now, whenever it has begun."""
        memory = self.world.memory
        name, script = TROUBLES.get(trouble, ("on_change", lambda: clock.forward(self.now - clock.now)))
        setattr(memory, name, script)
        try:
            return perform(job, clock)
        finally:
            memory.on_change = memory.after_change = memory.on_look = lambda: None

    def generations(self) -> dict[UUID, int]:
        return dict(Assignment.objects.values_list("pk", "generation"))

    def is_due(self) -> bool:
        """Whether there is something for a worker to take up."""
        return any(level.is_due(self.now) for level in self.seen.levels.values())

    @precondition(lambda self: not self.rested and (self.jobs or self.has(*UNPROVEN)))
    @rule()
    def come_to_rest(self) -> None:
        """After a day in which everybody comes round, nothing is unproven and the system holds what is wanted."""
        self.rested = True
        self.jobs.clear()
        self.now += DAY
        expire_due(now=self.now)
        for _ in range(3):
            self.work()
            self.now += HOUR
        expire_due(now=self.now)
        self.work()
        assert not Grant.objects.exclude(state__in=[*WAITING, *OVER]).exists()
        assert not self.world.memory.held
