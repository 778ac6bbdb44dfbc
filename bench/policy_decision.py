"""Decisions by 200 rules in force, beside the bare engine evaluating the same compiled conditions on the same facts.

Facts are loaded beforehand: plain values in, verdicts with their reasons out. The whole preview over HTTP, with rules
and facts from the database, is told beside it.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

from django.urls import reverse  # noqa: E402 - models can be imported from here on
from django.utils import timezone  # noqa: E402

from bench import frame, visitors  # noqa: E402
from governance.core.actor import Actor  # noqa: E402
from governance.core.locking import unit_of_work  # noqa: E402
from governance.grants.models import Grant  # noqa: E402
from governance.grants.states import GrantState  # noqa: E402
from governance.identities.models import Identity  # noqa: E402
from governance.management.organisation import SOURCE  # noqa: E402
from governance.policy import moves, queries  # noqa: E402
from governance.policy.cel import given  # noqa: E402
from governance.policy.facts import Facts  # noqa: E402
from governance.policy.queries import Asking  # noqa: E402
from governance.policy.rules import RuleSet, evaluate, prepared  # noqa: E402
from governance.policy.starter import StarterRule  # noqa: E402
from governance.web.requests.forms import ME, seconds, terms  # noqa: E402

ACTIVE_RULES = 200
DECISIONS = {"S": 500, "M": 5_000, "L": 50_000}
"""How many decisions are timed at once, on facts about the organisation of the size."""

PEOPLE = 50
PREVIEWS = 30
TARGET = 0.5
BENCH = Actor.system("benchmark")

DAY = 86400
SHAPES: Sequence[tuple[str, dict[str, Any]]] = (
    (
        "identity.department == 'Dept {n}' && entitlement.risk in ['high', 'critical']",
        {"steps": [{"kind": "security"}]},
    ),
    ("system.key == 'generated-{n:04}' && request.term > duration('720h')", {"cap_seconds": 30 * DAY}),
    ("identity.kind == 'external' && system.environment == 'production' && assurance < 2", {"cap_seconds": 7 * DAY}),
    ("access.entitlements.exists(held, held == 'generated-{n:04}/role_7')", {"steps": [{"kind": "system_owner"}]}),
    ("now - access.continuous_since > duration('{n}h') && access.renewals > 3", {"cadence_seconds": 30 * DAY}),
    ("risk.score > {n} && time.hour >= 22 && purpose.emergency", {"steps": [{"kind": "purpose_owner"}]}),
)
"""What an organisation's own rules are like, one sort after the other; most of them apply to few."""


@unit_of_work()
def make_rules(now: datetime) -> None:
    """Put rules in force beside those that the portal was founded with, until there are as many as are to be timed."""
    missing = ACTIVE_RULES - len(queries.rules_in_force(now))
    owner = Identity.objects.get(source="founding")
    more = (
        StarterRule(f"BENCH-{n:03}", f"Rule {n}", condition.format(n=n), outcomes, "So it is for {identity.name}.")
        for n, (condition, outcomes) in enumerate(islice(cycle(SHAPES), missing))
    )
    moves.install(more, owner, actor=BENCH, why="To be timed", now=now)


def known(now: datetime) -> list[Facts]:
    """The facts on what some people hold, as if they asked for it again."""
    people = Identity.objects.filter(source=SOURCE, kind="person", state="active").order_by("external_key")
    leases = Grant.objects.filter(identity__in=people[:PEOPLE], state=GrantState.ACTIVE).with_names()
    found = []
    for lease in leases.order_by("number"):
        asking = Asking(
            identity=lease.identity,
            purpose=lease.purpose,
            requester=lease.identity,
            term=timedelta(days=7),
            assurance=2,
            now=now,
        )
        found.append(queries.gather_facts(asking, lease.entitlement))
    return found


def previewed() -> float:
    """Milliseconds that a preview over HTTP takes, the median of many; the first is not counted."""
    person = Identity.objects.get(source=SOURCE, external_key="E-15")
    lease = Grant.objects.filter(identity=person, state=GrantState.ACTIVE).order_by("number")[0]
    client, taken = visitors.signed_in(person), []
    for _ in range(PREVIEWS + 1):
        began = time.perf_counter()
        answer = client.post(reverse("request-preview"), _form(lease.entitlement_id, lease.purpose_id))
        taken.append(time.perf_counter() - began)
        if b"draft-why-h" not in answer.content:
            msg = f"The preview was answered with {answer.status_code}, and says nothing of what policy says."
            raise AssertionError(msg)
    return statistics.median(taken[1:]) * 1000


def _form(entitlement: UUID, purpose: UUID) -> dict[str, Any]:
    return {
        "token": str(uuid4()),
        "beneficiary": ME,
        "entitlements": [str(entitlement)],
        "purpose": str(purpose),
        "justification": "To be timed, and not to be filed.",
        "term": seconds(max(terms().values())),
    }


def gathered() -> tuple[RuleSet, list[Facts], float]:
    """Rules, facts, and how long a preview takes with them. The rules are gone again afterwards."""
    now = timezone.now()
    with frame.undone():
        make_rules(now)
        rules = prepared(queries.rules_in_force(timezone.now()))
        return rules, known(now), previewed()


def main(size: str) -> None:
    """Measure it on facts about the organisation of the size."""
    rules, facts, preview = gathered()
    asked = list(islice(cycle(facts), DECISIONS[size]))
    contexts = [given(one).activation for one in facts]
    expressions = [condition.expression for condition in rules.conditions]

    def act() -> None:
        for one in asked:
            evaluate(rules, one)

    def limit() -> None:
        for context in islice(cycle(contexts), DECISIONS[size]):
            for expression in expressions:
                expression.eval(context).value()

    what = f"{len(expressions)} conditions evaluated by the bare engine, {len(asked)} times over"
    beside = {"rules": len(rules.versions), "decisions": len(asked), "preview_ms": round(preview, 1)}
    frame.run(frame.Measure("policy-decision", size, TARGET, act, limit, what, by_rate=True, beside=beside))


if __name__ == "__main__":
    main(sys.argv[1])
