"""Who may be asked: pure, over what was read of people. The first candidates that remain are asked (rule 15)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

STEP_TERM = timedelta(days=5)
"""How long an open step waits for its decision before it expires; a timeout never means yes (rule 15)."""


class Place(Protocol):
    """Whose decision is asked for, about which thing: a step, or the plan of one."""

    @property
    def kind(self) -> str: ...

    @property
    def target_kind(self) -> str: ...

    @property
    def target_id(self) -> UUID: ...

    @property
    def target_label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """People who could answer for a step, and how they come into it; a fallback is anyone but the first choice."""

    via: str
    identity_ids: tuple[UUID, ...]
    fallback: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who is asked for a step, and why they."""

    identity_id: UUID
    via: str
    fallback: bool


def choose(chain: Sequence[Candidates], excluded: Collection[UUID]) -> tuple[Asked, ...]:
    """The first candidates of the chain that are left once the excluded are taken out; nobody when none are.

    `excluded` are the identities of everybody whose own access this is, or who decided an earlier step (rule 2).
    """
    for candidates in chain:
        eligible = [pk for pk in candidates.identity_ids if pk not in excluded]
        if eligible:
            return tuple(Asked(pk, candidates.via, candidates.fallback) for pk in eligible)
    return ()
