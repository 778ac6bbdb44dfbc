"""How a benchmark is run: alternately with its limit, each time from the same beginning, and what is told of it."""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """One benchmark: what the portal does, what the database alone would do, and how far apart they may be.

    `tables` are those that both leave torn, to be vacuumed before the next run. `limit_sql` is printed. `by_rate` turns
    the ratio round: as much as so many times what the limit does in the same time. `beside` is told with the result.
    """

    name: str
    size: str
    target: float
    act: Callable[[], None]
    limit: Callable[[], None]
    limit_sql: str = ""
    tables: Sequence[str] = ()
    by_rate: bool = False
    beside: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Counter:
    """Counts what is sent to the database."""

    queries: int = 0
    seconds: list[float] = field(default_factory=list)

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's hook
        """Django's hook around each query."""
        self.queries += 1
        return execute(sql, params, many, context)


def run(measure: Measure) -> None:
    """Measure, and print the result as one JSON object."""
    sys.stderr.write(f"{measure.name} {measure.size}, limit:\n{measure.limit_sql}\n")
    whole, bare = Counter(), Counter()
    for number in range(ROUNDS):
        for counter, act in ((bare, measure.limit), (whole, measure.act)):
            counter.queries = 0
            counter.seconds.append(_timed(counter, act))
            _tidy(measure.tables)
        sys.stderr.write(f"  run {number + 1}: {whole.seconds[-1]:.2f} s, limit {bare.seconds[-1]:.2f} s\n")
    seconds, limit = statistics.median(whole.seconds), statistics.median(bare.seconds)
    ratio = limit / seconds if measure.by_rate else seconds / limit
    result = {
        "name": measure.name,
        "size": measure.size,
        "seconds": round(seconds, 4),
        "limit_seconds": round(limit, 4),
        "ratio": round(ratio, 3),
        "target": measure.target,
        "met": ratio >= measure.target if measure.by_rate else ratio <= measure.target,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "queries": whole.queries,
        **measure.beside,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _timed(counter: Counter, act: Callable[[], None]) -> float:
    """How long the act takes, with everything that is checked when a transaction commits. It is undone afterwards."""
    with undone(), connection.execute_wrapper(counter):
        began = time.perf_counter()
        act()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return time.perf_counter() - began


@contextmanager
def undone() -> Iterator[None]:
    """A transaction around the acts' own, which is rolled back."""
    outer: Any = transaction.atomic()
    outer._from_testcase = True  # noqa: SLF001 - Django's own way to let durable transactions begin inside
    with outer:
        yield
        transaction.set_rollback(True)


def _tidy(tables: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"VACUUM {table}")
        cursor.execute("CHECKPOINT")
