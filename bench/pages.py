"""Server time of the main pages on an organisation, beside the same pages on the smallest one.

A page reads what it shows and no more, so a hundred times as many leases must not make it slower. Both are asked in
turn by processes of their own; the worst page counts.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

ROUNDS = 5
EACH = 7
"""How often a page is asked for in a round, the first time not counted."""

TARGET = 1.5

Times = dict[str, list[float]]


def _times() -> dict[str, list[float]]:
    """Seconds of each page of the organisation that DATABASE_URL names, asked by people it has."""
    import django  # noqa: PLC0415 - only the process that asks for pages needs it

    django.setup()
    from bench import visitors  # noqa: PLC0415 - see above

    return {name: [_timed(visit) for _ in range(EACH)][1:] for name, visit in visitors.pages().items()}


def _timed(visit: Any) -> float:
    began = time.perf_counter()
    visit()
    return time.perf_counter() - began


def _asked(database_url: str) -> dict[str, list[float]]:
    environ = {**os.environ, "DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-m", "bench.pages"], check=True, env=environ, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def main(size: str, small: str) -> None:
    """Ask both in turn, print the worst page's result; each page's figures go to standard error."""
    large_times: Times = {}
    small_times: Times = {}
    for _ in range(ROUNDS):
        for times, address in ((small_times, small), (large_times, os.environ["DATABASE_URL"])):
            for name, each in _asked(address).items():
                times.setdefault(name, []).append(statistics.median(each))
    figures = {
        name: (statistics.median(times), statistics.median(small_times[name])) for name, times in large_times.items()
    }
    for name, (large, least) in figures.items():
        sys.stderr.write(f"  {name}: {large * 1000:.0f} ms, small {least * 1000:.0f} ms: {large / least:.2f}\n")
    seconds, limit = max(figures.values(), key=lambda pair: pair[0] / pair[1])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    result = {
        "name": "pages",
        "size": size,
        "seconds": round(seconds, 4),
        "limit_seconds": round(limit, 4),
        "ratio": round(seconds / limit, 3),
        "target": TARGET,
        "met": seconds / limit <= TARGET,
        "peak_rss_mib": peak,
        "queries": None,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(*sys.argv[1:])
    else:
        sys.stdout.write(json.dumps(_times()))
