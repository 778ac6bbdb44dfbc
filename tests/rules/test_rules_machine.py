"""Rules 1 to 6, 13, 16 and 18 against any order of events.

Hypothesis plays everybody: those who ask, decide, hand back, revoke and leave, the people feed, policy, the clock,
the sweeps, and workers that are refused, hang, die and come late. After each step the rules must hold.
"""

from collections import Counter

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.stateful import run_state_machine_as_test

from tests.harness.undone import undone
from tests.provisioning.things import Scripted
from tests.rules.machine.workers import Workers
from tests.rules.machine.world import World

AVAILABLE_PROVIDERS["each anew"] = HypothesisProvider
"""Draws as ever, but every sequence anew: under its own name it plays variations of earlier ones most of the time."""
REACHED = {
    "active", "revoked", "revocation_failed", "cancelled", "stands on another", "took: provisioning", "filed",
    "refused to file", "withdrawn", "decided: approve", "not asked", "ended early", "left", "policy changed",
    "manager changed", "last day changed", "leave changed", "reported: proved", "reported late: superseded",
    "looked again after a late call", "died after the call",
}  # fmt: skip
"""What a hundred sequences come to: without it they would prove little."""
SELDOM = {"provisioning_failed", "decided: reject", "refused for their own", "steps expired", "answered"}
"""What two thousand come to."""


def play(world: World, *, sequences: int, steps: int, seeded: int | None = None) -> Counter[str]:
    """Play so many sequences, always the same ones if `seeded`. Answers how often each thing was reached."""

    class Rules(Workers):
        pass

    Rules.world, Rules.reached = world, Counter()
    run_state_machine_as_test(
        Rules if seeded is None else seed(seeded)(Rules),
        settings=settings(
            backend="each anew",
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            derandomize=seeded is not None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Rules.reached


@pytest.mark.django_db
@pytest.mark.parametrize("part", range(5), ids=["first", "second", "third", "fourth", "fifth"])
def test_rules_hold_in_a_hundred_sequences(part: int, memory: Scripted) -> None:
    reached = play(World(memory), sequences=100, steps=6, seeded=part)
    assert not REACHED - reached.keys()


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(10))
def test_rules_hold_in_two_thousand_sequences(part: int, memory: Scripted) -> None:
    reached: Counter[str] = Counter()
    for _ in range(10):
        memory.held.clear()
        with undone():
            reached += play(World(memory), sequences=200, steps=6)
        _sweep()
    assert not (REACHED | SELDOM) - reached.keys()


def _sweep() -> None:
    """Give back the room of what has been undone: it would be read past by every statement until then."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
