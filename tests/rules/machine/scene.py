"""The stage: the world, the clock, what is seen of them after each step, and what must hold then."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, invariant

from governance.access.queries import last_seen
from governance.access.states import Observation
from governance.grants.models import Grant
from governance.grants.states import LIVE, STANDS_ON, GrantState
from tests.harness.undone import undone
from tests.leases import MINUTE
from tests.rules.machine.marks import Marks
from tests.rules.machine.seen import Lease, Seen, Step, look
from tests.rules.machine.statements import broken
from tests.rules.machine.world import World
from tests.rules.sql import commit_so_far

NOTHING = timedelta()
SHORTEST = timedelta(microseconds=1)
"""What a lease lasts that begins and ends at the same moment."""

T = TypeVar("T")


class Scene(RuleBasedStateMachine):
    """What all who play share. A step is one rule; `seen` is what was there before it."""

    world: ClassVar[World]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(undone())
        self.world.memory.held = set(self.world.held)
        self.now = self.world.born + MINUTE
        self.ended: dict[UUID, datetime] = {}
        self.looked_again = 0
        self.behind = NOTHING
        self.nothing_happened = self.asked_anew = False
        self.seen, self.marks = self.world.beginning
        self.begun = False
        self.reach("sequences")

    def teardown(self) -> None:
        self.undo.close()

    # What rules are played with ---------------------------------------------------------------------------------------

    def has(self, *states: str) -> bool:
        """Whether there is a lease in one of the states."""
        return any(lease.state in states for lease in self.seen.grants.values())

    def reach(self, what: str) -> None:
        """Note that a sequence came here: what no sequence reaches is not tested."""
        self.reached[what] += 1

    def refused(self, by: tuple[type[Exception], ...], act: Callable[[], Any]) -> bool:
        """Whether the one act of this step is refused in this way. Then nothing at all may have happened."""
        try:
            act()
        except by as refusal:
            self.reach(f"refused: {type(refusal).__name__}")
            self.nothing_happened = True
            return True
        return False

    def pick(self, among: Sequence[T], which: int) -> T:
        return among[which % len(among)]

    def leases(self, *states: str) -> list[Lease]:
        """The grants in the states, as they were seen last; all of them when none is named."""
        return [lease for lease in self.seen.grants.values() if not states or lease.state in states]

    # What must hold after each step -----------------------------------------------------------------------------------

    @invariant()
    def every_rule_holds(self) -> None:
        if not self.begun:  # the same every time: looked at when the world was made
            self.begun = True
            return
        commit_so_far()
        before, self.seen = self.seen, look(self.now)
        marks, lost = Marks.take(self.marks)
        found = [*broken(self.now), *self._compared(before), *(f"rule 18: {name} has lost something" for name in lost)]
        if self.nothing_happened and marks != self.marks:
            found.append("a refused act has left something")
        self.marks = marks
        assert not found, found
        self.looked_again, self.behind, self.nothing_happened, self.asked_anew = 0, NOTHING, False, False

    def _compared(self, before: Seen) -> Iterator[str]:
        """What must hold between before and now, and between what is recorded and what the system really holds."""
        yield from self._of_leases(before)
        yield from self._of_use()
        yield from self._of_levels(before)
        yield from self._of_the_system()
        yield from self._of_steps()

    def _of_leases(self, before: Seen) -> Iterator[str]:
        news = []
        for lease in self.seen.grants.values():
            old = before.grants.get(lease.id)
            if old is None or old.state != lease.state:
                self.reach(lease.state)
                news.append(lease)
            if lease.standing or lease.unproven:
                self.ended[lease.id] = min(lease.ends_at, self.ended.get(lease.id, lease.ends_at))
            if old is None:
                continue
            if lease.ends_at > old.ends_at or (not old.waiting and lease.starts_at != old.starts_at):
                yield f"rule 1: G-{lease.number} ends later, or begins anew"
            if (old.over and lease.state != old.state) or (old.unproven and not (lease.unproven or lease.over)):
                yield f"rule 1: G-{lease.number} was over and is {lease.state}"
        yield from self._of_proof(news)

    def _of_proof(self, news: Sequence[Lease]) -> Iterator[str]:
        """What has become active was seen present, what was revoked was seen absent or stands on another lease."""
        proven = [lease for lease in news if lease.state in {GrantState.ACTIVE, GrantState.REVOKED}]
        looks = last_seen([lease.assignment for lease in proven if lease.assignment]) if proven else {}
        moment = self.now - self.behind
        live = {f"G-{lease.number}" for lease in self.leases(*LIVE) if lease.ends_at > moment}
        for lease in proven:
            seen = looks.get(lease.assignment)  # type: ignore[arg-type]  # an assignment's id, or None
            level = self.seen.levels[lease.assignment]  # type: ignore[index]  # what has begun has one
            if lease.state == GrantState.ACTIVE:
                if seen is None or seen.observation != Observation.PRESENT or seen.generation != level.generation:
                    yield f"rule 4: G-{lease.number} is active and was not seen present"
            elif lease.reason.startswith(STANDS_ON):
                self.reach("stands on another")
                if not live & set(lease.reason.removeprefix(STANDS_ON).replace(",", "").split()):
                    yield f"rule 6: G-{lease.number} was to stand on another lease, and does not"
            elif (
                seen is None
                or seen.observation != Observation.ABSENT
                or seen.at < lease.ends_at - SHORTEST
                or seen.generation != level.generation
            ):
                yield f"rule 4: G-{lease.number} is revoked and was not seen absent"

    def _of_use(self) -> Iterator[str]:
        """The product's own answer at the moment of use, against the ends that were seen here."""
        for pk, number in Grant.objects.usable(self.now).values_list("pk", "number"):
            if self.ended[pk] <= self.now:
                yield f"rule 4: G-{number} may be used after its end"

    def _of_levels(self, before: Seen) -> Iterator[str]:
        for level in self.seen.levels.values():
            old = before.levels.get(level.id)
            rise = level.generation - (old.generation if old else 0)
            if rise < (level.wanted != (old.wanted if old else False)):
                yield f"rule 6: {level.key} for {level.login} is wanted otherwise in the same generation"
            reasons = self._turns(before, level.id) + self.looked_again
            if not 0 <= rise <= reasons:
                yield f"rule 5: {level.key} for {level.login} rose by {rise} generations for {reasons} reasons"

    def _turns(self, before: Seen, assignment: UUID) -> int:
        """How many leases have begun or ended on the assignment."""
        leases = [lease for lease in self.seen.grants.values() if lease.assignment == assignment]
        begun = [one for one in leases if one.id not in before.grants or before.grants[one.id].waiting]
        ended = [one for one in leases if not one.standing and (one in begun or before.grants[one.id].standing)]
        return len(begun) + len(ended)

    def _of_the_system(self) -> Iterator[str]:
        """Where nothing is being done any more, the system holds what is wanted."""
        for level in self.seen.levels.values():
            held = (level.login, level.key) in self.world.memory.held
            if level.task_state == "verified" and held != level.wanted:
                yield f"rule 5: {level.key} for {level.login} is {'' if held else 'not '}there, and all was done"

    def _of_steps(self) -> Iterator[str]:
        """Somebody is asked, unless the whole governance team is out of the question; after a sweep nobody else is."""
        team = [self.world.people[name].pk for name in ("gwen", "gus")]
        for step in self.seen.steps:
            if step.state == "open" and not step.asked and step.kind != "identity_owner":
                self.reach("nobody asked")
                if any(pk not in step.out and self.seen.people[pk].acts(self.now) for pk in team):
                    yield f"rule 16: a step of {step.request} asks nobody, and the governance team is there"
            for pk in step.asked if self.asked_anew else ():
                if not self.seen.people[pk].acts(self.now) or self.is_own(step, {pk}):
                    yield f"rule 16: {self.world.name(pk)} is asked, and may not decide"

    def is_own(self, step: Step, identity_ids: Collection[UUID]) -> bool:
        """Whether a decision on the step would be one for the human's own access."""
        own = {step.requester, step.beneficiary, *self.seen.people[step.beneficiary].answering}
        return step.kind != "identity_owner" and not self.world.same_human(own).isdisjoint(identity_ids)
