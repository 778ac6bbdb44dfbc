"""Who may be asked: pure, over what was read of people. The first candidates that remain are asked (rule 15)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
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

    @property
    def counts(self) -> Sequence[str]: ...

    @property
    def skip_repeat(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """People who could answer for a step, and how they come into it; a fallback is anyone but the first choice."""

    via: str
    identity_ids: tuple[UUID, ...]
    fallback: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who is asked for a step, why they, and in whose place if not by themselves."""

    identity_id: UUID
    via: str
    fallback: bool
    on_behalf_of: UUID | None = None


def choose(chain: Sequence[Candidates], excluded: Collection[UUID]) -> tuple[Asked, ...]:
    """The first candidates of the chain that are left once the excluded are taken out; nobody when none are.

    `excluded` are the identities of everybody whose own access this is, or who decided an earlier step (rule 2).
    """
    for candidates in chain:
        eligible = [pk for pk in candidates.identity_ids if pk not in excluded]
        if eligible:
            return tuple(Asked(pk, candidates.via, candidates.fallback) for pk in eligible)
    return ()


def stand_in(asked: Sequence[Asked], delegates: Mapping[UUID, UUID], excluded: Collection[UUID]) -> tuple[Asked, ...]:
    """Those who are asked, each replaced by whoever stands in for them: by their ids, one step far and no further.

    A delegate decides only what both could decide (rule 2): one of the `excluded` stands in for nobody, and the step
    stays where it is. Nobody is asked twice: of two with the same delegate, one waits for the other.
    """
    found = {one.identity_id: one for one in asked if not _moves(one, delegates, excluded)}
    for one in asked:
        if _moves(one, delegates, excluded):
            delegate = delegates[one.identity_id]
            found.setdefault(delegate, replace(one, identity_id=delegate, on_behalf_of=one.identity_id))
    return tuple(found.values())


def _moves(one: Asked, delegates: Mapping[UUID, UUID], excluded: Collection[UUID]) -> bool:
    delegate = delegates.get(one.identity_id)
    return delegate is not None and delegate not in excluded
