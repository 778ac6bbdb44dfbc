"""What is known of access as it stands: accounts, last looks, presence as of a moment."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from governance.access.models import Account, Assignment, PresencePeriod, Verification
from governance.access.rules import Path, shortest_paths
from governance.core.querysets import covers


def account_in(system_id: UUID, identity_id: UUID) -> Account | None:
    """The identity's oldest account in the system, or none."""
    return Account.objects.filter(system=system_id, identity=identity_id).order_by("pk").first()


def last_seen(assignment_ids: Collection[UUID]) -> Mapping[UUID, Verification]:
    """The latest observation of each assignment that has one; one query."""
    rows = Verification.objects.filter(assignment__in=assignment_ids)
    latest = rows.order_by("assignment", "-at", "-pk").distinct("assignment")
    return {row.assignment_id: row for row in latest}


def proof(assignment: Assignment) -> Verification | None:
    """The latest observation made for the assignment's present generation, or none: then nothing is proven yet."""
    return assignment.verifications.filter(generation=assignment.generation).order_by("-at", "-pk").first()


def standing_at(moment: datetime, account_ids: Collection[UUID]) -> "frozenset[UUID]":
    """Ids of the accounts' assignments that were known to stand at the moment."""
    periods = PresencePeriod.objects.filter(covers(moment), assignment__account__in=account_ids)
    return frozenset(periods.values_list("assignment_id", flat=True))


# Effective access -----------------------------------------------------------------------------------------------------

_INCLUSIONS_BEYOND = """
WITH RECURSIVE reached (id) AS (
    SELECT unnest(%s::uuid[])
    UNION
    SELECT i.conferred_id FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
    WHERE i.ended_at IS NULL
)
SELECT i.entitlement_id, i.conferred_id FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
WHERE i.ended_at IS NULL
"""
"""UNION keeps each entitlement once, so that a circle of inclusions comes to an end."""


def inclusions_beyond(entitlement_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Every inclusion that the entitlements lead to: what confers, and what is conferred; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_INCLUSIONS_BEYOND, [list(entitlement_ids)])
        found: list[tuple[UUID, UUID]] = cursor.fetchall()
    return found


def conferred_by(entitlement_ids: Collection[UUID]) -> Mapping[UUID, Mapping[UUID, Path]]:
    """All that each entitlement confers, itself included, with a shortest path to it; one query."""
    inclusions = inclusions_beyond(entitlement_ids)
    return {pk: shortest_paths([pk], inclusions) for pk in entitlement_ids}


_EFFECTIVE = """
SELECT found.how, found.source, found.target, s.key || '/' || e.key, e.privileged, e.risk FROM (
    WITH RECURSIVE standing AS (
        SELECT DISTINCT c.identity_id, a.entitlement_id
        FROM governance_assignment a JOIN governance_account c ON c.id = a.account_id
        WHERE c.identity_id = ANY(%(identities)s) AND (a.wanted OR EXISTS (
            SELECT FROM governance_presenceperiod p WHERE p.assignment_id = a.id AND p.ends_at IS NULL
        ))
    ), reached (id) AS (
        SELECT entitlement_id FROM standing UNION SELECT unnest(%(asked)s::uuid[])
        UNION
        SELECT i.conferred_id FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
        WHERE i.ended_at IS NULL
    )
    SELECT 'held', identity_id, entitlement_id FROM standing
    UNION ALL SELECT 'asked', NULL, unnest(%(asked)s::uuid[])
    UNION ALL SELECT 'confers', i.entitlement_id, i.conferred_id
    FROM reached JOIN governance_inclusion i ON i.entitlement_id = reached.id
    WHERE i.ended_at IS NULL
) AS found (how, source, target)
JOIN governance_entitlement e ON e.id = found.target JOIN governance_system s ON s.id = e.system_id
"""


@dataclass(frozen=True, slots=True)
class Effective:
    """Access as it takes effect. Each entitlement that is conferred has a shortest path to it.

    `direct` is what is assigned to each identity, `held` what they hold together in effect, `conferred` what each of
    the entitlements asked about confers, itself included, `keys` name all of these as
    `system/entitlement`, `risks` tell how risky each is, and `privileged` are those of them that are.
    """

    direct: Mapping[UUID, frozenset[UUID]]
    held: Mapping[UUID, Path]
    conferred: Mapping[UUID, Mapping[UUID, Path]]
    keys: Mapping[UUID, str]
    privileged: frozenset[UUID]
    risks: Mapping[UUID, str]


def effective_access(identity_ids: Collection[UUID], asked: Collection[UUID] = ()) -> Effective:
    """What the identities hold in effect: what is wanted or was last seen, and all that it confers; one query.

    `asked` are entitlements whose own inclusions are to be told besides.
    """
    (found,) = effective_accesses([identity_ids], asked)
    return found


def effective_accesses(groups: Sequence[Collection[UUID]], asked: Collection[UUID] = ()) -> list[Effective]:
    """The same of several groups of identities, each judged by itself; one query for all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_EFFECTIVE, {"identities": list({pk for group in groups for pk in group}), "asked": list(asked)})
        rows = cursor.fetchall()
    inclusions = [(source, target) for how, source, target, *_ in rows if how == "confers"]
    conferred = {pk: shortest_paths([pk], inclusions) for pk in asked}
    keys = {target: key for _, _, target, key, *_ in rows}
    privileged = frozenset(target for _, _, target, _, privileged, _ in rows if privileged)
    risks = {target: risk for _, _, target, _, _, risk in rows}
    direct: dict[UUID, set[UUID]] = defaultdict(set)
    for how, source, target, *_ in rows:
        if how == "held":
            direct[source].add(target)
    return [
        Effective(
            direct={pk: frozenset(direct[pk]) for pk in group},
            held=shortest_paths({target for pk in group for target in direct[pk]}, inclusions),
            conferred=conferred,
            keys=keys,
            privileged=privileged,
            risks=risks,
        )
        for group in groups
    ]
