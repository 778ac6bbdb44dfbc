"""One rule over past requests and all live grants: the replay, beside reading the same rows and bare evaluation.

The limit reads the facts of the same decisions and asks the engine of each whether the same condition holds. It
compares nothing, keeps nothing, and knows of no other rule.
"""

import json
import sys
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import django

django.setup()

from django.db import connection  # noqa: E402 - models can be imported from here on
from django.utils import timezone  # noqa: E402

from bench import frame  # noqa: E402
from bench.sizes import SIZES  # noqa: E402
from governance.analysis import actions  # noqa: E402
from governance.analysis.queries import BATCH  # noqa: E402
from governance.core.actor import Actor, ActorKind, Role  # noqa: E402
from governance.grants.states import STANDING  # noqa: E402
from governance.policy import actions as policy  # noqa: E402
from governance.policy.cel import compiled, given_some  # noqa: E402
from governance.policy.kept import names_in, value  # noqa: E402
from governance.policy.models import PolicyRuleVersion  # noqa: E402
from governance.policy.moves import Wording  # noqa: E402

TARGET = 2.5
REQUESTS = 10
"""One past request for so many grants."""

DAYS = 90
CONDITION = "entitlement.risk == 'high' && identity.kind == 'person'"
BENCH = Actor.system("benchmark")

MADE = """
WITH made AS (
    INSERT INTO governance_accessrequest (id, requester_id, beneficiary_id, purpose_id, justification, term, state,
                                          submitted_at, closed_at, assurance, form_token)
    SELECT g.id, g.requester_id, g.identity_id, g.purpose_id, 'Needed', interval '30 days', 'decided', %(at)s, %(at)s,
           2, g.id
    FROM governance_grant AS g ORDER BY g.id LIMIT %(count)s RETURNING id
)
INSERT INTO governance_requestitem (id, request_id, entitlement_id, policy_decision_id, state, state_reason)
SELECT g.id, g.id, g.entitlement_id, g.policy_decision_id, 'approved', ''
FROM governance_grant AS g ORDER BY g.id LIMIT %(count)s
"""

LIMIT = """
SELECT id, facts FROM (
    SELECT g.id, d.facts FROM governance_grant AS g
    JOIN governance_policydecision AS d ON d.id = g.activation_decision_id
    WHERE g.state = ANY(%(standing)s) AND g.starts_at <= %(at)s AND g.ends_at > %(at)s
) AS decided WHERE id > %(last)s ORDER BY id LIMIT %(batch)s
"""

LIMIT_OF_REQUESTS = """
SELECT i.id, d.facts FROM governance_accessrequest AS r JOIN governance_requestitem AS i ON i.request_id = r.id
JOIN governance_policydecision AS d ON d.id = i.policy_decision_id
WHERE r.submitted_at >= %(since)s AND i.id > %(last)s ORDER BY i.id LIMIT %(batch)s
"""


def administrator() -> Actor:
    """Somebody who may write rules."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, user_id FROM governance_identity WHERE user_id IS NOT NULL ORDER BY id LIMIT 1")
        identity, user = cursor.fetchone()
    roles = frozenset({Role.ADMINISTRATOR})
    return Actor(ActorKind.HUMAN, "Benchmark", user, identity, identity_ids=frozenset({identity}), roles=roles)


def drafted(by: Actor) -> PolicyRuleVersion:
    """The rule that is replayed: it asks for one more decision on a part of everything."""
    wording = Wording(CONDITION, {"steps": [{"kind": "security"}]}, "{entitlement.name} is of high risk.")
    return policy.create_rule(
        key="BENCH-01", title="Replayed", owner_id=by.identity_id or UUID(int=0), wording=wording, actor=by,
        why="To measure", now=timezone.now(),
    )  # fmt: skip


def replay(by: Actor, version: PolicyRuleVersion) -> None:
    """Begin it, and go on until it is over. No broker listens: that waking a worker fails is no part of it."""
    run = actions.start(version_id=version.pk, days=DAYS, actor=by, now=timezone.now())
    while actions.run(replay_id=run.pk, actor=BENCH, clock=timezone.now):
        pass
    run.refresh_from_db()
    sys.stderr.write(f"  {json.dumps(run.counts)}\n")


def bare() -> None:
    """Read the facts, and ask the engine."""
    condition, names, now = compiled(CONDITION), names_in(CONDITION), timezone.now()
    values = {"since": now - timedelta(days=DAYS), "at": now, "standing": sorted(STANDING), "batch": BATCH}
    for statement in (LIMIT_OF_REQUESTS, LIMIT):
        last = UUID(int=0)
        while found := _read(statement, {**values, "last": last}):
            for last, facts in found:  # noqa: B007 - goes on after the last one
                kept = json.loads(facts) if isinstance(facts, str) else facts
                condition.holds(given_some({name: value(name, _at(kept, name)) for name in names}))


def _at(facts: Any, name: str) -> Any:
    for part in name.split("."):
        facts = facts[part]
    return facts


def _read(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def main(size: str) -> None:
    """Measure it on the organisation of the size."""
    with frame.undone():
        with connection.cursor() as cursor:
            at = timezone.now() - timedelta(days=1)
            cursor.execute(MADE, {"at": at, "count": SIZES[size].grants // REQUESTS})
            cursor.execute("ANALYZE governance_accessrequest, governance_requestitem")
        by = administrator()
        version = drafted(by)
        act = partial(replay, by, version)
        frame.run(frame.Measure("policy-replay", size, TARGET, act, bare, LIMIT_OF_REQUESTS + LIMIT))


if __name__ == "__main__":
    main(sys.argv[1])
