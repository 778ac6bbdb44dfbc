"""Acts at the same moment, each on a thread and a database connection of its own."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random
from threading import Barrier
from time import monotonic, sleep
from typing import Any

import pytest
from django.db import connection, transaction

Act = Callable[[], Any]

LONGEST_HEAD_START = 0.008
"""Seconds. Some races are lost only by whoever comes a little later."""

rounds = pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.long)])
"""How often a race is run: short for every day, long before a release."""


def at_once(*acts: Act, seed: int = 0) -> list[Any]:
    """What each act returned or raised. They start together, apart from head starts that the seed draws."""
    barrier, random = Barrier(len(acts)), Random(seed)  # noqa: S311 - a test that can be repeated
    delays = [random.choice([0.0, random.uniform(0, LONGEST_HEAD_START)]) for _ in acts]

    def run(act: Act, delay: float) -> Any:
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


def settled(*acts: "Future[Any]") -> None:
    """Wait until each of the acts is over, or waits for a lock."""
    until = monotonic() + 50
    while monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            (waiting,) = cursor.fetchone()
        if waiting >= sum(not act.done() for act in acts):
            return
        sleep(0.01)
    raise AssertionError("somebody neither ends nor waits")


def one_after_the_other(first: Act, writes: Any, second: Act) -> list[Any]:
    """What both returned or raised: the first has looked at everything and not written when the second begins."""

    def run(act: Act) -> Any:
        try:
            connection.cursor().execute("SET lock_timeout = '60s'")  # a slow machine is not what is tested
            return act()
        except Exception as error:  # noqa: BLE001 - the test says which it expects
            return error
        finally:
            connection.cursor().execute("RESET lock_timeout")
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {writes._meta.db_table} IN SHARE MODE")
            one = pool.submit(run, first)
            settled(one)
            two = pool.submit(run, second)
            settled(one, two)
        return [one.result(), two.result()]
