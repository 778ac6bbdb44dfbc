"""When a task is tried again, when it is given to a person, and what an attempt's evidence means."""

from dataclasses import dataclass
from datetime import timedelta

from governance.access.rules import settles
from governance.access.states import Observation
from governance.provisioning.states import AttemptOutcome, Operation

FAST_RETRIES = 6
"""After so many attempts without proof a removal is escalated; it goes on."""
GRANT_TRIES = 12
"""After so many a grant's task is dead, and a person is asked: some twenty minutes, up to forty."""
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=15)
LEAST_DELAY = timedelta(seconds=1)
LONGEST_PATIENCE = timedelta(hours=1)
"""A system that wants to be left alone for longer is asked again all the same."""

AT_ONCE = 2
"""How many workers may be busy with one system at a time: a system that hangs keeps no more than these."""
CALLS = 3
"""The most calls of one attempt: look, change, look."""
MARGIN_SECONDS = 10.0
"""What a claim outlives its calls by, for all that is not waiting for the system."""


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows from an attempt that proved nothing."""

    delay: timedelta
    dead: bool
    escalate: bool


def lease(total_seconds: float) -> timedelta:
    """How long a claim holds, given the total deadline of one call."""
    return timedelta(seconds=CALLS * total_seconds + MARGIN_SECONDS)


def delay(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many attempts: exponential, capped, with full jitter.

    `chance` is drawn from [0, 1). Tasks that failed together do not come back together.
    """
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * (1 << min(attempts - 1, 16)))
    return max(LEAST_DELAY, ceiling * chance)


def patience(seconds: float) -> timedelta:
    """How long to leave a system alone that has asked for so many seconds of peace."""
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_PATIENCE.total_seconds()))


def after_failure(operation: str, attempts: int, outcome: str, chance: float) -> Retry:
    """What becomes of a task whose attempt, the `attempts`-th, proved nothing.

    A system that refuses will refuse until somebody acts: a grant's task is dead at once. A removal never is: it is
    escalated and goes on, each time after up to the longest delay.
    """
    hopeless = outcome in {AttemptOutcome.REFUSED, AttemptOutcome.OTHER_PATH}
    if operation == Operation.GRANT:
        return Retry(delay(attempts, chance), dead=hopeless or attempts >= GRANT_TRIES, escalate=False)
    waits = delay(max(attempts, FAST_RETRIES) if hopeless else attempts, chance)
    return Retry(waits, dead=False, escalate=hopeless or attempts >= FAST_RETRIES)


def judge(observation: str | None, *, wanted: bool, refused: bool, in_doubt: bool) -> AttemptOutcome:
    """What an attempt amounts to.

    `observation` is what the reading back showed, None when there was no answer. `in_doubt` says that a change may
    have reached the system unseen: without an answer that stays unknown, which is neither done nor failed.
    """
    if observation is not None and settles(observation, wanted=wanted):
        return AttemptOutcome.PROVED
    if observation == Observation.OTHER_PATH and not wanted:
        return AttemptOutcome.OTHER_PATH
    if observation in {None, Observation.UNKNOWN}:
        return _unanswered(refused=refused, in_doubt=in_doubt)
    return AttemptOutcome.REFUSED if refused else AttemptOutcome.CONTRADICTED


def _unanswered(*, refused: bool, in_doubt: bool) -> AttemptOutcome:
    if in_doubt:
        return AttemptOutcome.UNKNOWN
    return AttemptOutcome.REFUSED if refused else AttemptOutcome.UNREACHABLE
