"""What has gone stale, each kind by one statement over all there is; criteria are asked of distinct identities besides.

Only what has a source of truth is looked for: who holds what, who leased what and when, what policy said. When access
was last *used* no connector reads yet, so nothing here speaks of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F

from governance.analysis.matching import unmatched
from governance.analysis.states import Stale
from governance.catalog.models import Bundle, BundleVersion
from governance.catalog.states import BundleState
from governance.grants.states import LIVE, RAN_OUT, GrantState

UNUSED: Final = timedelta(days=90)
"""How long nothing must have come of a thing to be stale."""

GRACE: Final = timedelta(days=1)
"""How old criteria must be: people may come with the next file of a feed."""

FEWEST_HOLDERS: Final = 5
"""Holders of an entitlement in that time of whom most can let it lapse."""

FEWEST_PEERS: Final = 5
"""People of one department and title who can be compared."""

FEW: Final = 20
"""Per cent of its peers, at most, who hold what makes somebody an outlier."""

FEWEST_DECISIONS: Final = 20
"""Decisions in that time without which it says nothing that a rule applied to none."""

MOST: Final = 2_000
"""Findings of a kind that are kept, those of the highest score first."""

CONFERS: Final = """
    SELECT entitlement_id, conferred_id FROM governance_inclusion WHERE ended_at IS NULL
    UNION SELECT confers.entitlement_id, further.conferred_id FROM confers
    JOIN governance_inclusion AS further ON further.entitlement_id = confers.conferred_id AND further.ended_at IS NULL
"""
"""What each entitlement confers, at however many removes; UNION ends at a circle."""

DIRECT: Final = """
    SELECT DISTINCT account.identity_id, assignment.entitlement_id
    FROM governance_assignment AS assignment JOIN governance_account AS account ON account.id = assignment.account_id
    JOIN governance_identity AS identity ON identity.id = account.identity_id
    WHERE identity.state = 'active' AND (identity.ends_at IS NULL OR identity.ends_at > %(at)s)
    AND (assignment.wanted OR EXISTS (SELECT FROM governance_presenceperiod AS seen
        WHERE seen.assignment_id = assignment.id AND seen.ends_at IS NULL))
"""
"""Which active identity is assigned which entitlement: wanted for it, or seen in the system."""

HELD: Final = """
    SELECT identity_id, entitlement_id FROM direct
    UNION SELECT direct.identity_id, confers.conferred_id FROM direct JOIN confers USING (entitlement_id)
"""
"""Which of them holds which in effect."""

LATEST: Final = """
    SELECT DISTINCT ON (bundle_id) id, bundle_id, made_at, criteria FROM governance_bundleversion
    ORDER BY bundle_id, number DESC
"""

INSIDE: Final = """
    SELECT id AS root, id AS bundle_id FROM governance_bundle WHERE state = 'active'
    UNION SELECT inside.root, included.id FROM inside JOIN latest ON latest.bundle_id = inside.bundle_id
    JOIN governance_bundlepart AS part ON part.version_id = latest.id
    JOIN governance_bundle AS included ON included.id = part.bundle_id AND included.state = 'active'
"""

CONTENTS: Final = """
    SELECT DISTINCT inside.root, part.entitlement_id FROM inside JOIN latest ON latest.bundle_id = inside.bundle_id
    JOIN governance_bundlepart AS part ON part.version_id = latest.id
    JOIN governance_entitlement AS entitlement ON entitlement.id = part.entitlement_id
    WHERE entitlement.state = 'active'
"""
"""The active entitlements of each active bundle, by inclusion as well."""

BUNDLES: Final = f"""
WITH RECURSIVE latest AS ({LATEST}), inside AS ({INSIDE}), contents AS ({CONTENTS}),
confers AS ({CONFERS}), direct AS ({DIRECT}), held AS ({HELD}),
sizes AS (SELECT root, count(*) AS size FROM contents GROUP BY root),
shares AS (SELECT contents.root, held.identity_id, count(*) AS share FROM contents JOIN held USING (entitlement_id)
    GROUP BY contents.root, held.identity_id),
bests AS (SELECT root, max(share) AS most FROM shares GROUP BY root)
SELECT bundle.id, bundle.name, NULL, NULL, NULL, bundle.id, 100 - 100 * coalesce(most, 0) / greatest(size, 1),
    jsonb_build_object('size', coalesce(size, 0), 'most', coalesce(most, 0), 'since', utc_text(latest.made_at))
FROM governance_bundle AS bundle JOIN latest ON latest.bundle_id = bundle.id
LEFT JOIN sizes ON sizes.root = bundle.id LEFT JOIN bests ON bests.root = bundle.id
WHERE bundle.state = 'active' AND latest.made_at <= %(since)s AND coalesce(most, 0) < greatest(coalesce(size, 0), 1)
"""

UNHELD: Final = """
WITH RECURSIVE reached AS (SELECT assignment.entitlement_id FROM governance_assignment AS assignment
    WHERE assignment.wanted OR EXISTS (SELECT FROM governance_presenceperiod AS seen
        WHERE seen.assignment_id = assignment.id AND seen.ends_at IS NULL)
    UNION SELECT further.conferred_id FROM reached
    JOIN governance_inclusion AS further ON further.entitlement_id = reached.entitlement_id
    WHERE further.ended_at IS NULL)
SELECT entitlement.id, entitlement.name || ' on ' || system.name, system.id, NULL, NULL, entitlement.id,
    CASE entitlement.risk WHEN 'critical' THEN 100 WHEN 'high' THEN 85 WHEN 'moderate' THEN 70 ELSE 50 END,
    jsonb_build_object('last', (SELECT utc_text(max(ends_at)) FROM governance_grant AS leased
        WHERE leased.entitlement_id = entitlement.id AND leased.state <> %(cancelled)s), 'risk', entitlement.risk)
FROM governance_entitlement AS entitlement JOIN governance_system AS system ON system.id = entitlement.system_id
WHERE entitlement.state = 'active' AND system.state = 'active'
AND EXISTS (SELECT FROM governance_historicalentitlement AS made
    WHERE made.id = entitlement.id AND made.history_date <= %(since)s)
AND NOT EXISTS (SELECT FROM governance_grant AS leased WHERE leased.entitlement_id = entitlement.id
    AND leased.state <> %(cancelled)s AND leased.ends_at > %(since)s)
AND NOT EXISTS (SELECT FROM reached WHERE reached.entitlement_id = entitlement.id)
"""

LAPSING: Final = """
WITH lasts AS (SELECT DISTINCT ON (entitlement_id, identity_id) entitlement_id, identity_id, ends_at, state_reason
    FROM governance_grant WHERE state <> %(cancelled)s AND starts_at <= %(at)s AND ends_at > %(since)s
    ORDER BY entitlement_id, identity_id, ends_at DESC),
counted AS (SELECT entitlement_id, count(*) AS holders,
        count(*) FILTER (WHERE lasts.ends_at <= %(at)s AND lasts.state_reason = %(ran_out)s) AS lapsed
    FROM lasts JOIN governance_identity AS identity ON identity.id = lasts.identity_id
    WHERE identity.state = 'active' GROUP BY entitlement_id)
SELECT entitlement.id, entitlement.name || ' on ' || system.name, system.id, NULL, NULL, entitlement.id,
    100 * lapsed / holders, jsonb_build_object('holders', holders, 'lapsed', lapsed)
FROM counted JOIN governance_entitlement AS entitlement ON entitlement.id = counted.entitlement_id
JOIN governance_system AS system ON system.id = entitlement.system_id
WHERE entitlement.state = 'active' AND system.state = 'active' AND holders >= %(holders)s AND lapsed * 2 > holders
"""

OUTLIERS: Final = f"""
WITH RECURSIVE confers AS ({CONFERS}), direct AS ({DIRECT}), held AS MATERIALIZED ({HELD}),
peers AS (SELECT id, department, title, count(*) OVER (PARTITION BY department, title) AS size
    FROM governance_identity WHERE state = 'active' AND (ends_at IS NULL OR ends_at > %(at)s)
    AND department <> '' AND title <> ''),
counted AS (SELECT held.identity_id, held.entitlement_id, peers.department, peers.title, peers.size,
        count(*) OVER (PARTITION BY peers.department, peers.title, held.entitlement_id) AS holders
    FROM held JOIN peers ON peers.id = held.identity_id WHERE peers.size >= %(peers)s),
leased AS (SELECT DISTINCT ON (identity_id, entitlement_id) id, identity_id, entitlement_id FROM governance_grant
    WHERE state = ANY(%(live)s) AND starts_at <= %(at)s AND ends_at > %(at)s
    ORDER BY identity_id, entitlement_id, ends_at DESC)
SELECT leased.id, entitlement.name || ' on ' || system.name, system.id, counted.identity_id,
    counted.identity_id || ':' || entitlement.id, entitlement.id, (100 - 100 * holders / size) * CASE entitlement.risk
        WHEN 'critical' THEN 100 WHEN 'high' THEN 85 WHEN 'moderate' THEN 70 ELSE 50 END / 100 AS score,
    jsonb_build_object('holders', holders, 'peers', size, 'department', department, 'title', title,
        'risk', entitlement.risk)
FROM counted JOIN leased USING (identity_id, entitlement_id)
JOIN governance_entitlement AS entitlement ON entitlement.id = counted.entitlement_id
JOIN governance_system AS system ON system.id = entitlement.system_id
WHERE holders * 100 <= size * %(few)s ORDER BY score DESC, leased.id LIMIT %(most)s
"""

PURPOSES: Final = """
SELECT purpose.id, purpose.reference || ' ' || purpose.name, NULL, NULL, NULL, purpose.id, 100,
    jsonb_build_object('last', (SELECT utc_text(max(ends_at)) FROM governance_grant AS leased
        WHERE leased.purpose_id = purpose.id AND leased.state <> %(cancelled)s))
FROM governance_purpose AS purpose WHERE purpose.state = 'active' AND NOT purpose.emergency
AND EXISTS (SELECT FROM governance_historicalpurpose AS made
    WHERE made.id = purpose.id AND made.state = 'active' AND made.history_date <= %(since)s)
AND NOT EXISTS (SELECT FROM governance_grant AS leased WHERE leased.purpose_id = purpose.id
    AND leased.state <> %(cancelled)s AND leased.ends_at > %(since)s)
AND NOT EXISTS (SELECT FROM governance_accessrequest AS asked
    WHERE asked.purpose_id = purpose.id AND asked.submitted_at > %(since)s)
AND NOT EXISTS (SELECT FROM governance_dedication AS dedicated JOIN governance_identity AS identity
    ON identity.id = dedicated.identity_id WHERE dedicated.purpose_id = purpose.id AND identity.state <> 'ended')
"""

RULES: Final = """
WITH decided AS MATERIALIZED (SELECT reasons FROM governance_policydecision WHERE at > %(since)s AND at <= %(at)s),
applied AS (SELECT DISTINCT said ->> 'rule' AS key FROM decided, jsonb_array_elements(reasons) AS said),
counted AS (SELECT count(*) AS decisions FROM decided)
SELECT version.id, rule.key || ' ' || rule.title, NULL, NULL, rule.id::text, rule.id, 100,
    jsonb_build_object('key', rule.key, 'number', version.number, 'decisions', decisions)
FROM governance_policyruleversion AS version JOIN governance_policyrule AS rule ON rule.id = version.rule_id, counted
WHERE version.state = 'published' AND version.effective_from <= %(since)s
AND (version.effective_until IS NULL OR version.effective_until > %(at)s)
AND NOT version.outcomes ? 'break_glass_seconds'
AND decisions >= %(decisions)s AND NOT EXISTS (SELECT FROM applied WHERE applied.key = rule.key)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that is stale as it was seen now. The fields are those of `StaleFinding`."""

    kind: Stale
    key: str
    subject_kind: str
    subject_id: UUID
    subject: str
    owner_kind: str
    owner_id: UUID
    system_id: UUID | None
    holder_id: UUID | None
    score: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one kind is about, who answers for it, and how it is found."""

    subject: str
    owner: str
    statement: str


KINDS: Final[Mapping[Stale, _Kind]] = {
    Stale.BUNDLE: _Kind("bundle", "bundle", BUNDLES),
    Stale.UNHELD: _Kind("entitlement", "entitlement", UNHELD),
    Stale.LAPSING: _Kind("entitlement", "entitlement", LAPSING),
    Stale.OUTLIER: _Kind("grant", "entitlement", OUTLIERS),
    Stale.PURPOSE: _Kind("purpose", "purpose", PURPOSES),
    Stale.RULE: _Kind("policy_rule_version", "policy_rule", RULES),
}


def look(kind: Stale, at: datetime) -> list[Seen]:
    """Everything of the kind that is stale at the moment, at most `MOST`, those of the highest score first."""
    found = _unmatched(at) if kind == Stale.CRITERIA else _found(kind, at)
    return sorted(found, key=lambda one: (-one.score, one.key))[:MOST]


def _found(kind: Stale, at: datetime) -> Iterator[Seen]:
    of = KINDS[kind]
    for pk, subject, system_id, holder_id, key, owner_id, score, figures in rows(of.statement, at):
        yield Seen(
            kind, key or str(pk), of.subject, pk, subject, of.owner, owner_id, system_id, holder_id, score,
            json.loads(figures),
        )  # fmt: skip


def rows(statement: str, at: datetime) -> list[tuple[Any, ...]]:
    """What a statement finds at the moment; all take the same figures."""
    values: dict[str, Any] = {
        "at": at,
        "since": at - UNUSED,
        "cancelled": GrantState.CANCELLED,
        "live": sorted(LIVE),
        "ran_out": RAN_OUT,
        "holders": FEWEST_HOLDERS,
        "peers": FEWEST_PEERS,
        "few": FEW,
        "decisions": FEWEST_DECISIONS,
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _unmatched(at: datetime) -> Iterator[Seen]:
    """Bundles whose criteria were true of no active identity."""
    latest = BundleVersion.objects.filter(bundle__state=BundleState.ACTIVE, made_at__lte=at - GRACE)
    latest = latest.exclude(bundle__versions__number__gt=F("number")).exclude(criteria="").select_related("bundle")
    for version in unmatched(list(latest), at):
        bundle = version.bundle
        yield Seen(
            Stale.CRITERIA, str(bundle.pk), Bundle.NOUN, bundle.pk, bundle.name, Bundle.NOUN, bundle.pk, None, None,
            100, {"criteria": version.criteria},
        )  # fmt: skip
