"""The columns of how long people wait."""

from governance.analysis.speed import EDGES
from governance.evidence.columns import Value, table
from governance.policy.words import length


def _bucket(number: int) -> Value:
    return lambda found: found.buckets[number]


SPEED = table(
    "speed",
    ("measure", "Measure", "measure"),
    ("by", "By", "by"),
    ("name", "Name", "name"),
    ("count", "How many", "count"),
    ("median_seconds", "Median", "median"),
    ("ninetieth_seconds", "Nine in ten", "ninetieth"),
    *((f"bucket_{number}", f"Under {length(edge)}", _bucket(number)) for number, edge in enumerate(EDGES)),
    (f"bucket_{len(EDGES)}", "Longer", _bucket(len(EDGES))),
    ("id", "Id", "id"),
)
