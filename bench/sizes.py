"""How large the organisations are that benchmarks run on: each identity holds about sixteen leases in all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """One size: people, and the grants that they and their machine identities hold."""

    people: int
    grants: int


SIZES = {"S": Scale(500, 10_000), "M": Scale(50_000, 1_000_000), "L": Scale(500_000, 10_000_000)}
