"""What the sides of rules hold: the entitlements they name, and what the bundles they name hold at the moment."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection
from django.db.models.expressions import RawSQL

from governance.separation.rules import Sides
from governance.separation.states import Side

_SIDES = """
part AS NOT MATERIALIZED (
    SELECT v.bundle_id AS holder_id, p.entitlement_id, p.bundle_id
    FROM governance_bundleversion v JOIN governance_bundlepart p ON p.version_id = v.id
    WHERE NOT EXISTS (SELECT FROM governance_bundleversion l WHERE l.bundle_id = v.bundle_id AND l.number > v.number)
), named AS NOT MATERIALIZED (
    SELECT v.rule_id, v.severity, m.side, m.entitlement_id, m.bundle_id
    FROM governance_separationmember m JOIN governance_separationruleversion v ON v.id = m.version_id
    WHERE v.state = 'in_force'
), inside (rule_id, severity, side, bundle_id) AS (
    SELECT rule_id, severity, side, bundle_id FROM named WHERE bundle_id IS NOT NULL
    UNION
    SELECT i.rule_id, i.severity, i.side, p.bundle_id
    FROM inside i JOIN part p ON p.holder_id = i.bundle_id
    JOIN governance_bundle b ON b.id = p.bundle_id AND b.state = 'active'
), side AS MATERIALIZED (
    SELECT rule_id, severity, side, entitlement_id FROM named WHERE entitlement_id IS NOT NULL
    UNION
    SELECT i.rule_id, i.severity, i.side, p.entitlement_id
    FROM inside i JOIN part p ON p.holder_id = i.bundle_id
    JOIN governance_entitlement e ON e.id = p.entitlement_id AND e.state = 'active'
)"""
"""Tables of a recursive query: the bundles on each side of each rule in force, and the entitlements of each side."""


def with_sides(query: str) -> str:
    """A query over these tables, and over others that it begins with, after a comma."""
    return f"WITH RECURSIVE {_SIDES}{query}"


_TOUCHING = with_sides("""
SELECT rule_id, side, entitlement_id FROM side
WHERE rule_id IN (SELECT rule_id FROM side WHERE entitlement_id = ANY(%s))
""")

_AMONG = with_sides("""
SELECT rule_id, side, entitlement_id FROM side WHERE rule_id = ANY(%s)
""")

_SHARED = with_sides("""
SELECT r.key, e.name || ' on ' || y.name
FROM inside i JOIN side s ON s.rule_id = i.rule_id AND s.side <> i.side
JOIN governance_separationrule r ON r.id = i.rule_id
JOIN governance_entitlement e ON e.id = s.entitlement_id JOIN governance_system y ON y.id = e.system_id
WHERE i.bundle_id = %s AND s.entitlement_id = ANY(%s)
ORDER BY 1, 2 LIMIT 1
""")


def named_bundles() -> RawSQL:
    """The bundles that rules in force name, and those inside them, by their ids: to be looked for in a query."""
    return RawSQL(with_sides("SELECT bundle_id FROM inside"), [])  # noqa: S611 - it takes no value from outside


def touching(entitlement_ids: Collection[UUID]) -> Mapping[UUID, Sides]:
    """The rules in force that keep one of the entitlements apart from others, by their ids; one query."""
    return _sides(_TOUCHING, entitlement_ids)


def among(rule_ids: Collection[UUID]) -> Mapping[UUID, Sides]:
    """What those of the rules that are in force keep apart, by their ids; one query."""
    return _sides(_AMONG, rule_ids)


def _sides(query: str, ids: Collection[UUID]) -> Mapping[UUID, Sides]:
    with connection.cursor() as cursor:
        cursor.execute(query, [list(ids)])
        rows = cursor.fetchall()
    found: dict[UUID, dict[str, set[UUID]]] = defaultdict(lambda: {side: set() for side in Side})
    for rule_id, side, entitlement_id in rows:
        found[rule_id][side].add(entitlement_id)
    return {pk: Sides(pk, frozenset(sides[Side.LEFT]), frozenset(sides[Side.RIGHT])) for pk, sides in found.items()}


def shared_by(bundle_id: UUID, entitlement_ids: Collection[UUID]) -> tuple[str, str] | None:
    """A rule in force, by its key, and what it would have on both sides if the bundle held these; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARED, [bundle_id, list(entitlement_ids)])
        found: tuple[str, str] | None = cursor.fetchone()
    return found
