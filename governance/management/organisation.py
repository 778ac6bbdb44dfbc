"""A whole organisation by arithmetic, for benchmarks and demonstrations: from a seed, in a few large statements.

Nothing of it goes through an action, so it is held against the rules afterwards, by queries that must find nothing
(`FAULTS`). Each table is recorded by one event with its count and a digest over its ids in their order, as rule 13
allows of rows that are made by the thousand in one act; such rows have no version before their first change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from django.db import connection
from django.db.backends.utils import CursorWrapper

from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.events import Event, record
from governance.core.locking import unit_of_work
from governance.core.moves import create
from governance.identities.models import Identity, Team, TeamMembership
from governance.identities.moves import introduce
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM
from governance.lifecycle.founding import Founder, found
from governance.policy import moves as policy
from governance.policy import risk
from governance.policy.consequences import read
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.risk import Factor
from governance.policy.verdicts import Reason

GENERATOR = Actor.system("organisation generator")
WHY = "A generated organisation"
SQL = Path(__file__).with_suffix(".sql")
SOURCE = "generated"

PER_SYSTEM = 8
"""Entitlements of each system."""

MOST_EACH = 250
"""Leases that one identity can hold: more than any real one does, and what the ids leave room for."""

TABLES = {
    "human": "human", "identity": "identity", "system": "system", "entitlement": "entitlement", "purpose": "purpose",
    "justification": "justification", "dedication": "dedication", "ownership": "ownership", "account": "account",
    "assignment": "assignment", "grant": "grant", "policy_decision": "policydecision", "verification": "verification",
    "presence_period": "presenceperiod", "provisioning_task": "provisioningtask",
}  # fmt: skip
"""Kinds of rows, and the tables that hold them."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large an organisation is to be. Machine identities are 24 to 100 people, as in the demonstration."""

    people: int
    grants: int
    seed: int = 1

    @property
    def machines(self) -> int:
        """How many machine identities there are."""
        return self.people * 24 // 100

    @property
    def systems(self) -> int:
        """How many systems there are: one for 60 people, and enough for everybody's leases."""
        each = -(-self.grants // (self.people + self.machines))
        return max(4, min(400, self.people // 60), -(-each // PER_SYSTEM))


def generate(size: Size, *, now: datetime) -> None:
    """Make the organisation in an empty portal, founding it first. Raises Invalid for a size that can't be, Conflict.

    `now` is the moment that all its periods lie around, aware and in UTC.
    """
    if size.people < 40:  # noqa: PLR2004 - below it, the first tenth has no four people
        raise Invalid({"people": "An organisation has at least 40 people."})
    if not size.people <= size.grants <= MOST_EACH * (size.people + size.machines):
        raise Invalid(
            {"grants": f"Each identity holds between one and {MOST_EACH} leases: choose more people, or fewer."}
        )
    if Identity.objects.filter(source=SOURCE).exists():
        raise Conflict("The portal holds a generated organisation already.")
    if not Identity.objects.exists():
        found(Founder("founder", "founder@generated.example", "Fay Founder", None), now=now)
    _make(size, now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@unit_of_work()
def _make(size: Size, now: datetime) -> None:
    version = _rule(now)
    with connection.cursor() as cursor:
        _without_checks_row_by_row(cursor)
        cursor.execute("SET LOCAL synchronize_seqscans = off")  # what is drawn in a table's order stays as it is
        cursor.execute("SET LOCAL lock_timeout = 0")
        for statement in _statements(size, version, now):
            cursor.execute(statement)
        _record(cursor, now)
        _with_checks_again(cursor)
    _staff_teams(now)
    if wrong := faults(now):
        msg = f"The generated organisation breaks rules: {wrong}"
        raise AssertionError(msg)


def _superuser(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
    return bool(cursor.fetchone()[0])


def _without_checks_row_by_row(cursor: CursorWrapper) -> None:
    """Where the role may, foreign keys and triggers rest: the same is asked afterwards, of all rows at once."""
    if _superuser(cursor):
        cursor.execute("SET LOCAL session_replication_role = replica")


def _with_checks_again(cursor: CursorWrapper) -> None:
    if _superuser(cursor):
        cursor.execute("SET LOCAL session_replication_role = origin")


def _rule(now: datetime) -> PolicyRuleVersion:
    """The rule that lets the organisation in. It is retired in the transaction that uses it, like the founding's."""
    owner = Identity.objects.order_by("pk")[0]
    by: dict[str, Any] = {"actor": GENERATOR, "why": WHY, "now": now}
    rule = introduce(PolicyRule(key="POL-90", title="What stood before the portal"), owner, **by)
    wording = policy.Wording(
        "true", {"allow_without_human": True}, "It stood before the portal governed it, and is adopted."
    )
    version = policy.draft(rule, wording, **by)
    policy.publish(version, effective_from=now, **by)
    policy.retire(version, **by)
    return version


def _staff_teams(now: datetime) -> None:
    for key, number in ((GOVERNANCE_TEAM, 2), (SECURITY_TEAM, 3)):
        member = Identity.objects.get(source=SOURCE, external_key=f"E-{number}")
        membership = TeamMembership(team=Team.objects.get(key=key), identity=member, starts_at=now)
        create(membership, actor=GENERATOR, why=WHY, now=now)


def _statements(size: Size, version: PolicyRuleVersion, now: datetime) -> list[str]:
    """The statements with everything put in: functions and tables made of others' results take no parameters."""
    reason = Reason(version.rule.key, version.number, read(version.outcomes), version.reason, version.priority)
    values = {
        "seed": f"'{size.seed} '",
        "now": _literal(now.astimezone(UTC).isoformat()),
        "people": size.people,
        "machines": size.machines,
        "systems": size.systems,
        "grants": size.grants,
        "version": _literal(str(version.pk)),
        "reasons": _literal(rfc8785.dumps([policy.stored(reason)]).decode()),
        "versions": _literal(rfc8785.dumps({version.rule.key: version.number}).decode()),
    }
    text = SQL.read_text(encoding="utf-8").replace("{facts}", _facts(size).replace("%", "%%")) % values
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    parts, inside = [""], False
    for line in bare.splitlines():
        parts[-1] += line + "\n"
        inside ^= line.count("$$") % 2 == 1
        if line.endswith(";") and not inside:
            parts.append("")
    return [part for part in parts if part.strip()]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --- The facts of a decision, as canonical JSON made by SQL ----------------------------------------------------------

TEXT, RAW, MOMENT = "to_json(({})::text)::text", "({})::text", "coalesce(to_json(utc_text({}))::text, 'null')"

FACTORS: Mapping[str, str] = {
    "entitlement of moderate risk": "g.risk = 'moderate'",
    "entitlement of high risk": "g.risk = 'high'",
    "entitlement of critical risk": "g.risk = 'critical'",
    "privileged": "g.privileged",
    "production": "true",
    "system of high risk": "system.risk = 'high'",
    "system of critical risk": "system.risk = 'critical'",
    "external": "one.kind = 'external'",
    "AI agent": "one.kind = 'agent'",
    "emergency": "false",
    "long lease": "g.term > interval '90 days'",
    "other privileged access": "false",
}
"""When each factor of `governance.policy.risk` is present in the generated organisation."""


def _listed(written: Callable[[Factor], str]) -> str:
    """A JSON list of what is written of each factor that is present."""
    items = (f"CASE WHEN {FACTORS[factor.name]} THEN {written(factor)} END" for factor in risk.FACTORS)
    return f"'[' || concat_ws(',', {', '.join(items)}) || ']'"


_SCORE = " + ".join(f"({FACTORS[factor.name]})::integer * {factor.weight}" for factor in risk.FACTORS)
_TIER_CASES = " ".join(f"WHEN {_SCORE} >= {least} THEN '{tier.value}'" for tier, least in risk.TIERS.items())

FACTS: Mapping[str, Any] = {
    "access": {
        "continuous_since": MOMENT.format("moment.at"),
        "effective": "'[]'",
        "entitlements": "'[]'",
        "privileged": "'false'",
        "renewals": "'0'",
    },
    "assurance": "'0'",
    "entitlement": {
        "allowed_kinds": """'["agent","api_client","external","person","service_account","workload"]'""",
        "confers": "'[]'",
        "confers_risk": TEXT.format("'low'"),
        "id": TEXT.format("g.entitlement_id"),
        "key": TEXT.format("g.entitlement_key"),
        "longest_lease": RAW.format("g.longest * 86400"),
        "name": TEXT.format("g.entitlement_name"),
        "privileged": RAW.format("g.privileged"),
        "risk": TEXT.format("g.risk"),
        "review_cadence": "(90 * 86400)::text",
        "state": TEXT.format("'active'"),
    },
    "identity": {
        "canonical_identifier": TEXT.format(
            "CASE WHEN one.n > {people} THEN 'spiffe://generated.example/' || one.name ELSE '' END"
        ),
        "department": TEXT.format("CASE WHEN one.human_id IS NULL OR one.n > {people} THEN '' ELSE one.department END"),
        "ends_at": MOMENT.format("one.ends_at"),
        "environment": TEXT.format("CASE WHEN one.n > {people} THEN 'production' ELSE '' END"),
        "external_key": TEXT.format("CASE WHEN one.n > {people} THEN 'M-' ELSE 'E-' END || one.n"),
        "id": TEXT.format("one.id"),
        "kind": TEXT.format("one.kind"),
        "machine": RAW.format("one.n > {people}"),
        "name": TEXT.format("one.name"),
        "owned": RAW.format("one.kind <> 'person'"),
        "owned_until": "'null'",
        "source": TEXT.format("'generated'"),
        "status": TEXT.format("'active'"),
        "teams": "'[]'",
        "title": TEXT.format("''"),
    },
    "now": MOMENT.format("moment.at"),
    "purpose": {
        "admits": "'true'",
        "emergency": "'false'",
        "ends_at": MOMENT.format("g.purpose_ends_at"),
        "id": TEXT.format("g.purpose_id"),
        "justifies": "'true'",
        "name": TEXT.format("g.purpose_name"),
        "reference": TEXT.format("g.reference"),
        "review_at": "'null'",
        "state": TEXT.format("'active'"),
    },
    "request": {
        "ahead": "'0'",
        "break_glass": "'false'",
        "bundle": TEXT.format("''"),
        "by_machine": "'false'",
        "for_self": RAW.format("one.n <= {people}"),
        "requester_department": TEXT.format(
            "CASE WHEN one.n > {people} THEN owner.department WHEN one.human_id IS NULL THEN '' ELSE one.department END"
        ),
        "requester_id": TEXT.format("CASE WHEN one.n > {people} THEN owner.id ELSE one.id END"),
        "requester_kind": TEXT.format("CASE WHEN one.kind = 'external' THEN 'external' ELSE 'person' END"),
        "term": RAW.format("extract(epoch FROM g.term)::bigint"),
    },
    "risk": {
        "factors": _listed(lambda factor: f"""'"{factor.name}"'"""),
        "score": RAW.format(_SCORE),
        "tier": TEXT.format(f"CASE {_TIER_CASES} END"),
        "weights": _listed(lambda factor: f"'{factor.weight}'"),
    },
    "separation": {
        "breaks": "'[]'",
        "mitigated": "'[]'",
        "mitigated_until": "'null'",
        "mitigations": "'[]'",
        "reasons": "'[]'",
    },
    "system": {
        "environment": TEXT.format("'production'"),
        "id": TEXT.format("g.system_id"),
        "key": TEXT.format("system.key"),
        "name": TEXT.format("system.name"),
        "risk": TEXT.format("system.risk"),
        "state": TEXT.format("'active'"),
    },
    "time": {
        "hour": RAW.format("extract(hour FROM moment.at AT TIME ZONE 'UTC')::integer"),
        "weekday": RAW.format("extract(isodow FROM moment.at AT TIME ZONE 'UTC')::integer"),
    },
}
"""What a decision keeps (`governance.policy.facts`): each fact with the SQL that writes its value."""


def _facts(size: Size) -> str:
    return _object(FACTS).replace("{people}", str(size.people))


def _object(facts: Mapping[str, Any]) -> str:
    """Keys in the order of RFC 8785; values as they are written by SQL."""
    parts = [
        f"""'"{name}":' || {_object(value) if isinstance(value, Mapping) else value}"""
        for name, value in sorted(facts.items())
    ]
    return "('{' || " + " || ',' || ".join(parts) + " || '}')"


# --- The record, and what must be true -------------------------------------------------------------------------------


def _record(cursor: CursorWrapper, now: datetime) -> None:
    """One event for each kind of row, with its count, its first and last id, and a digest over the ordered ids."""
    digest = "encode(sha256(convert_to(coalesce(string_agg(id::text, ',' ORDER BY id), ''), 'UTF8')), 'hex')"
    ends = "(array_agg(id ORDER BY id))[1], (array_agg(id ORDER BY id DESC))[1]"
    events = []
    for kind, table in TABLES.items():
        made = "id < '01700000-0000-7000-8000-000000000000'"  # before any id that a clock has given
        cursor.execute(f"SELECT count(*), {digest}, {ends} FROM governance_{table} WHERE {made}")  # noqa: S608
        count, over, first, last = cursor.fetchone()
        if count:
            facts = {"count": count, "sha256": over, "first": str(first), "last": str(last)}
            events.append(Event(f"{kind}.generated", GENERATOR, kind, first, f"{count} rows", WHY, now, facts))
    record(events)


FAULTS = {
    "rule 1: a lease that rests on nothing": "SELECT FROM governance_grant AS g WHERE unfounded(g)",
    "rule 1: a purpose that does not justify the entitlement": """
        SELECT FROM governance_grant AS g WHERE NOT EXISTS (
            SELECT FROM governance_justification AS j
            WHERE j.purpose_id = g.purpose_id AND j.entitlement_id = g.entitlement_id)""",
    "rule 1: an owner of a lease who is not active": """
        SELECT FROM governance_grant AS g JOIN governance_identity AS o ON o.id = g.accountable_owner_id
        WHERE g.state NOT IN ('revoking', 'revocation_failed', 'revoked', 'cancelled') AND o.state <> 'active'""",
    "rule 1: longer than the catalog permits": """
        SELECT FROM governance_grant AS g JOIN governance_entitlement AS e ON e.id = g.entitlement_id
        WHERE g.term > e.longest_lease""",
    "rule 3: begun without a decision that allows it": """
        SELECT FROM governance_grant AS g LEFT JOIN governance_policydecision AS d ON d.id = g.activation_decision_id
        WHERE g.state NOT IN ('approved', 'scheduled', 'cancelled')
          AND (d.id IS NULL OR NOT d.allowed OR d.subject_id <> g.id)""",
    "rule 3: no decision when it was asked for": """
        SELECT FROM governance_grant AS g LEFT JOIN governance_policydecision AS d ON d.id = g.policy_decision_id
        WHERE d.id IS NULL OR NOT d.allowed""",
    "rule 6: an assignment that is wanted otherwise than its leases say": """
        SELECT FROM governance_assignment AS a WHERE a.wanted <> EXISTS (
            SELECT FROM governance_grant AS g WHERE g.assignment_id = a.id AND g.ends_at > %(now)s
              AND g.state IN ('provisioning', 'provisioning_failed', 'active'))""",
    "rule 6: a lease on an account of somebody else": """
        SELECT FROM governance_grant AS g JOIN governance_assignment AS a ON a.id = g.assignment_id
        JOIN governance_account AS c ON c.id = a.account_id JOIN governance_entitlement AS e ON e.id = a.entitlement_id
        WHERE c.identity_id <> g.identity_id OR a.entitlement_id <> g.entitlement_id OR c.system_id <> e.system_id""",
    "rule 4: an unproven removal that nothing is done about": """
        SELECT FROM governance_grant AS g WHERE g.state IN ('revoking', 'revocation_failed') AND NOT EXISTS (
            SELECT FROM governance_provisioningtask AS t WHERE t.assignment_id = g.assignment_id
              AND t.operation = 'revoke' AND t.state IN ('queued', 'running', 'succeeded', 'failed'))""",
    "active and never verified present": """
        SELECT FROM governance_grant AS g JOIN governance_assignment AS a ON a.id = g.assignment_id
        WHERE g.state = 'active' AND NOT EXISTS (SELECT FROM governance_verification AS v
            WHERE v.assignment_id = a.id AND v.generation = a.generation AND v.observation = 'present')""",
    "revoked and never verified absent": """
        SELECT FROM governance_grant AS g JOIN governance_assignment AS a ON a.id = g.assignment_id
        WHERE g.state = 'revoked' AND NOT EXISTS (SELECT FROM governance_verification AS v
            WHERE v.assignment_id = a.id AND v.generation = a.generation AND v.observation = 'absent')""",
    "rule 8: somebody who has ended and answers for something": """
        SELECT FROM governance_ownership AS o JOIN governance_identity AS i ON i.id = o.identity_id
        WHERE o.ends_at IS NULL AND i.state = 'ended'""",
    "a machine or external identity without owner, purpose or end": """
        SELECT FROM governance_identity AS i WHERE i.kind <> 'person' AND i.source = 'generated' AND (i.ends_at IS NULL
            OR NOT EXISTS (SELECT FROM governance_dedication AS d WHERE d.identity_id = i.id)
            OR NOT EXISTS (SELECT FROM governance_ownership AS o WHERE o.subject_kind = 'identity'
                AND o.subject_id = i.id AND o.role = 'owner' AND o.ends_at IS NULL))""",
    "a thing without an owner": """
        SELECT FROM (SELECT id, 'system' AS kind FROM governance_system UNION ALL
            SELECT id, 'entitlement' FROM governance_entitlement UNION ALL SELECT id, 'purpose' FROM governance_purpose
        ) AS thing WHERE NOT EXISTS (SELECT FROM governance_ownership AS o WHERE o.subject_kind = thing.kind
            AND o.subject_id = thing.id AND o.role = 'owner' AND o.ends_at IS NULL)""",
    "managers who are managed in a circle": """
        WITH RECURSIVE tree AS (
            SELECT id FROM governance_identity WHERE manager_id IS NULL
            UNION ALL SELECT i.id FROM governance_identity AS i JOIN tree ON i.manager_id = tree.id)
        SELECT FROM governance_identity WHERE id NOT IN (SELECT id FROM tree)""",
}
"""What no row may be, in words, and the query that finds such rows."""


def faults(now: datetime) -> dict[str, int]:
    """How many rows break which rule at the moment, foreign keys included; empty when none does."""
    found = {}
    with connection.cursor() as cursor:
        for words, query in {**FAULTS, **_loose_keys()}.items():
            cursor.execute(f"SELECT count(*) FROM ({query}) AS wrong", {"now": now})  # noqa: S608 - queries of our own
            if count := cursor.fetchone()[0]:
                found[words] = count
    return found


def _loose_keys() -> dict[str, str]:
    """A query for each foreign key of our tables: rows that lead to nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, conrelid::regclass::text, confrelid::regclass::text,"
            " (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1])"
            " FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)",
            [[f"governance_{table}" for table in TABLES.values()]],
        )
        keys = cursor.fetchall()
    return {
        f"foreign key {name}": f"SELECT FROM {table} AS a LEFT JOIN {to} AS b ON b.id = a.{column}"
        f" WHERE b.id IS NULL AND a.{column} IS NOT NULL"
        for name, table, to, column in keys
    }
