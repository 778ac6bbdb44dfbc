"""How long people wait: from asking to the decision, and to access that is verified present (D6). Computed in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

EDGES: Final = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""Where one bucket of a histogram ends and the next begins; the last has no end."""

DECISION: Final = "decision"
FULFILMENT: Final = "fulfilment"
MEASURES: Final = (DECISION, FULFILMENT)
GROUPS: Final = ("all", "system", "owner", "risk")


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one measure is spread over what belongs together: `by` says how it was put together, `name` which part.

    `buckets` counts those below each of `EDGES` and not below the one before, and last those above all. `id` is that of
    the system or owner, None for other groups and for what nobody owns.
    """

    measure: str
    by: str
    id: UUID | None
    name: str
    count: int
    median: timedelta
    ninetieth: timedelta
    buckets: tuple[int, ...]


_DISTRIBUTIONS = """
WITH measured (measure, entitlement_id, seconds) AS (
    SELECT 'decision', i.entitlement_id, extract(epoch FROM a.closed_at - r.submitted_at)::float8
    FROM governance_approvalroute a
    JOIN governance_requestitem i ON i.id = a.subject_id
    JOIN governance_accessrequest r ON r.id = i.request_id
    WHERE a.subject_kind = 'request_item' AND a.state IN ('approved', 'rejected', 'expired')
        AND a.closed_at >= %(since)s AND a.closed_at < %(until)s
    UNION ALL
    SELECT 'fulfilment', i.entitlement_id,
        greatest(0, extract(epoch FROM seen.at - greatest(r.submitted_at, r.starts_at)))::float8
    FROM (
        SELECT h.id, min(h.history_date) AS at FROM governance_historicalgrant h
        WHERE h.state = 'active' AND h.history_date < %(until)s
        GROUP BY h.id HAVING min(h.history_date) >= %(since)s
    ) AS seen
    JOIN governance_grant g ON g.id = seen.id AND g.source_kind = 'request_item'
    JOIN governance_requestitem i ON i.id = g.source_id
    JOIN governance_accessrequest r ON r.id = i.request_id
), named AS (
    SELECT m.measure, m.seconds, width_bucket(m.seconds, %(edges)s::float8[]) AS bucket,
        s.id AS system_id, s.name AS system, e.risk,
        coalesce(o.identity_id, o.team_id) AS owner_id, coalesce(p.name, t.name, '') AS owner
    FROM measured m
    JOIN governance_entitlement e ON e.id = m.entitlement_id
    JOIN governance_system s ON s.id = e.system_id
    LEFT JOIN governance_ownership o ON o.subject_kind = 'entitlement' AND o.subject_id = e.id AND o.role = 'owner'
        AND o.starts_at <= %(now)s AND (o.ends_at IS NULL OR o.ends_at > %(now)s)
    LEFT JOIN governance_identity p ON p.id = o.identity_id
    LEFT JOIN governance_team t ON t.id = o.team_id
    WHERE %(everything)s OR e.id = ANY(%(entitlements)s::uuid[])
)
SELECT measure,
    CASE WHEN grouping(system_id) = 0 THEN 'system' WHEN grouping(owner_id) = 0 THEN 'owner'
        WHEN grouping(risk) = 0 THEN 'risk' ELSE 'all' END AS grouped,
    coalesce(system_id, owner_id) AS id, coalesce(system, owner, risk, '') AS name, count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds),
    array[
        count(*) FILTER (WHERE bucket = 0), count(*) FILTER (WHERE bucket = 1), count(*) FILTER (WHERE bucket = 2),
        count(*) FILTER (WHERE bucket = 3), count(*) FILTER (WHERE bucket = 4), count(*) FILTER (WHERE bucket = 5)
    ]
FROM named
GROUP BY GROUPING SETS ((measure), (measure, system_id, system), (measure, owner_id, owner), (measure, risk))
ORDER BY measure, grouped, count(*) DESC, name, id
"""
"""One pass for all groups. A route that expired was never decided and has kept somebody waiting all the same."""


def distributions(
    since: datetime, until: datetime, now: datetime, *, entitlements: Collection[UUID] | None
) -> Sequence[Distribution]:
    """How long people waited for what was decided or fulfilled in `[since, until)`; one query, whatever there is.

    `entitlements` are those to be looked at, None for all; owners are those of `now`. Time runs from the submission to
    the last decision of those who were asked, and from the submission, or the later start that was asked for, to the
    first proof that the access is there. What policy answers at once is decided by nobody, and counts for fulfilment.
    """
    given: dict[str, Any] = {
        "since": since,
        "until": until,
        "now": now,
        "edges": [edge.total_seconds() for edge in EDGES],
        "everything": entitlements is None,
        "entitlements": list(entitlements or ()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DISTRIBUTIONS, given)
        return [_distribution(*row) for row in cursor.fetchall()]


def _distribution(*row: Any) -> Distribution:
    measure, by, pk, name, count, median, ninetieth, buckets = row
    half, most = (timedelta(seconds=round(seconds)) for seconds in (median, ninetieth))
    return Distribution(measure, by, pk, name, count, half, most, tuple(buckets))
