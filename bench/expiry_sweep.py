"""A tenth of all leases falls due at one moment: the sweep that ends them, beside the bare UPDATE and INSERT.

The limit ends the same leases and queues the same removals, on the same tables under the same constraints and triggers,
and writes nothing else: no level of an assignment, no history, no event.
"""

import sys
from datetime import datetime
from functools import partial

import django

django.setup()

from django.db import connection  # noqa: E402 - models can be imported from here on

from bench import frame  # noqa: E402
from bench.sizes import SIZES  # noqa: E402
from governance.grants.models import Grant  # noqa: E402
from governance.grants.states import STANDING  # noqa: E402
from governance.grants.tasks import expire_all  # noqa: E402

TARGET = 3.0
TABLES = (
    "governance_grant", "governance_assignment", "governance_provisioningtask", "governance_historicalgrant",
    "governance_historicalassignment", "audit_event", "audit_body",
)  # fmt: skip

LIMIT = """
WITH due AS MATERIALIZED (
    SELECT id FROM governance_grant
    WHERE state IN ('active', 'provisioning', 'provisioning_failed', 'suspended') AND ends_at <= %(at)s
    ORDER BY ends_at, id FOR NO KEY UPDATE
), ended AS (
    UPDATE governance_grant AS lease SET state = 'revoking', state_reason = 'The lease came to its end'
    FROM due WHERE lease.id = due.id RETURNING lease.assignment_id
)
INSERT INTO governance_provisioningtask (id, assignment_id, operation, generation, state, attempts_made,
                                         next_attempt_at, escalated_at, last_error, created_at)
SELECT uuid_v7(), assignment.id, 'revoke', assignment.generation + 1, 'queued', 0, %(at)s, NULL, '', %(at)s
FROM (SELECT DISTINCT assignment_id FROM ended) AS behind
JOIN governance_assignment AS assignment ON assignment.id = behind.assignment_id AND assignment.wanted
WHERE NOT EXISTS (SELECT FROM governance_provisioningtask AS open WHERE open.assignment_id = assignment.id
                  AND open.state IN ('queued', 'running', 'succeeded', 'failed'))
  AND NOT EXISTS (SELECT FROM governance_grant AS other WHERE other.assignment_id = assignment.id
                  AND other.state IN ('active', 'provisioning', 'provisioning_failed') AND other.ends_at > %(at)s)
"""


def moment(share: int) -> datetime:
    """When so many leases have come to their end."""
    ends = Grant.objects.filter(state__in=STANDING).order_by("ends_at").values_list("ends_at", flat=True)
    return ends[share - 1]


def main(size: str) -> None:
    """Measure it on the organisation of the size."""
    at = moment(SIZES[size].grants // 10)

    def limit() -> None:
        with connection.cursor() as cursor:
            cursor.execute(LIMIT, {"at": at})

    frame.run(frame.Measure("expiry-sweep", size, TARGET, partial(expire_all, lambda: at), limit, LIMIT, TABLES))


if __name__ == "__main__":
    main(sys.argv[1])
