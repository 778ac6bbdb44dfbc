"""Acts at the same moment, each on a thread and a database connection of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from time import sleep
from typing import Any

import pytest
from django.db import connection

LONGEST_HEAD_START = 0.008
"""Seconds. Some races are lost only by whoever comes a little later."""

rounds = pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.long)])
"""How often a race is run: short for every day, long before a release."""


def at_once(*acts: Callable[[], Any], seed: int = 0) -> list[Any]:
    """What each act returned or raised. They start together, apart from head starts that the seed draws."""
    barrier, random = Barrier(len(acts)), Random(seed)  # noqa: S311 - a test that can be repeated
    delays = [random.choice([0.0, random.uniform(0, LONGEST_HEAD_START)]) for _ in acts]

    def run(act: Callable[[], Any], delay: float) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            sleep(delay)
            return act()
        except Exception as error:  # noqa: BLE001 - the test says which it expects
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts, delays))


def split(outcomes: list[Any]) -> tuple[list[Any], list[Exception]]:
    """What was returned, and what was raised."""
    raised = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)], raised


def seeds(count: int) -> Iterator[int]:
    """One seed for each round."""
    yield from range(count)
