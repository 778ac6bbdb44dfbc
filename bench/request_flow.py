"""Access asked for, decided twice, begun, granted on a real server and read back: whole flows by two workers at once.

The limit is the bare SQL writes of such a flow: the statements by which one has inserted and changed its rows, their
history, events and messages, with other ids, in as many transactions and by two workers as well. It knows no policy,
takes no lock, reads nothing and asks no server. Both write for good, into a copy of the organisation's database that is
dropped afterwards; each flow is another person's.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

import psycopg  # noqa: E402 - models can be imported from here on
from django.db.models import QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402
from psycopg import sql  # noqa: E402

from bench import frame, writes  # noqa: E402
from governance.access.models import Account  # noqa: E402
from governance.approvals import actions as approvals  # noqa: E402
from governance.approvals.models import ApprovalStep  # noqa: E402
from governance.approvals.states import StepState, Verdict  # noqa: E402
from governance.catalog.models import Entitlement, System  # noqa: E402
from governance.catalog.states import Risk  # noqa: E402
from governance.connectors import moves as connectors  # noqa: E402
from governance.core.actor import Actor  # noqa: E402
from governance.core.locking import unit_of_work  # noqa: E402
from governance.core.moves import create  # noqa: E402
from governance.grants import actions as grants  # noqa: E402
from governance.grants.models import Grant  # noqa: E402
from governance.grants.states import GrantState  # noqa: E402
from governance.identities.models import Identity  # noqa: E402
from governance.identities.moves import answer_for  # noqa: E402
from governance.identities.states import Environment, Kind  # noqa: E402
from governance.management.acting import signed_in  # noqa: E402
from governance.management.organisation import SOURCE  # noqa: E402
from governance.provisioning.actions import run_task  # noqa: E402
from governance.provisioning.models import ProvisioningTask  # noqa: E402
from governance.purposes.models import Justification, Purpose  # noqa: E402
from governance.purposes.states import PurposeState  # noqa: E402
from governance.requests import actions as requests  # noqa: E402
from governance.requests.rules import Draft  # noqa: E402

TARGET = 0.2
WORKERS = 2
FLOWS = {"S": 20, "M": 200, "L": 200}
"""How many flows are timed at once."""

BENCH = Actor.system("benchmark")
WHY = "To be timed."
KEY = "request-flow"
ADDRESS = "TARGET_BENCH_DSN"
DAY = timedelta(days=1)


# The organisation's part of it ---------------------------------------------------------------------------------------


@unit_of_work()
def prepare(count: int) -> None:
    """A system on the benchmarks' own server, something to ask for in it, and so many people with an account there."""
    now = timezone.now()
    founder = Identity.objects.get(source="founding")
    told: dict[str, Any] = {"actor": BENCH, "why": WHY, "now": now}
    system = System(key=KEY, name="Timed", description=WHY, environment=Environment.PRODUCTION, risk=Risk.LOW)
    what = Entitlement(
        system=system,
        key="bench_reader",
        name="Read what is timed",
        description=WHY,
        risk=Risk.MODERATE,
        longest_lease=30 * DAY,
        review_cadence=90 * DAY,
        allowed_kinds=[Kind.PERSON],
    )
    why = Purpose(reference="P-BENCH", name="Timing", state=PurposeState.ACTIVE, ends_at=now + 90 * DAY)
    for thing in (system, what, why):
        answer_for(create(thing, **told), founder, **told)
    create(Justification(purpose=why, entitlement=what), **told)
    connectors.connect(system, "postgres", {"dsn_env": ADDRESS}, **told)
    for person in _people()[:count]:
        login = _login(person)
        create(Account(system=system, native_id=login, login=login, identity=person, correlated_by="benchmark"), **told)


def _people() -> "QuerySet[Identity]":
    active = Identity.objects.filter(source=SOURCE, kind=Kind.PERSON, state="active", manager__state="active")
    return active.order_by("external_key")


def _login(person: Identity) -> str:
    return f"bench_{person.external_key.lower().replace('-', '_')}"


def _accounts() -> dict[UUID, UUID]:
    return dict(Account.objects.filter(system__key=KEY).values_list("identity", "pk"))


def server_roles(address: str, names: Sequence[str]) -> None:
    """The role that is asked for, and the logins, on the server that the connector reaches."""
    with psycopg.connect(address, autocommit=True) as server:
        there = {row[0] for row in server.execute("SELECT rolname FROM pg_roles")}
        for name in {"bench_reader", *names} - there:
            server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        for name in names:
            server.execute(sql.SQL("REVOKE bench_reader FROM {}").format(sql.Identifier(name)))


# One flow ------------------------------------------------------------------------------------------------------------


def flow(person: Identity, form_token: UUID | None = None) -> Grant:
    """From the request to the proof, by the actions that people and workers use."""
    what, why = Entitlement.objects.get(system__key=KEY), Purpose.objects.get(reference="P-BENCH")
    wish = Draft(
        beneficiary_id=person.pk,
        entitlement_ids=(what.pk,),
        purpose_id=why.pk,
        justification="It is asked for to be timed.",
        term=DAY,
        until=None,
        form_token=form_token or uuid4(),
    )
    item = requests.submit(draft=wish, actor=signed_in(person), now=timezone.now()).items.get()
    for _ in range(2):
        step = ApprovalStep.objects.get(route__subject_id=item.pk, state=StepState.OPEN)
        asked = step.approvers.filter(ends_at__isnull=True).select_related("identity")[0].identity
        by, now = signed_in(asked), timezone.now()
        approvals.decide(step_id=step.pk, verdict=Verdict.APPROVE, reason=WHY, actor=by, now=now)
    grant = grants.activate(grant_id=Grant.objects.get(source_id=item.pk).pk, now=timezone.now())
    run_task(ProvisioningTask.objects.get(assignment=grant.assignment_id).pk, clock=timezone.now)
    grant.refresh_from_db()
    if grant.state != GrantState.ACTIVE:
        msg = f"{grant} is {grant.state}: {grant.state_reason}"
        raise AssertionError(msg)
    return grant


# The workers ----------------------------------------------------------------------------------------------------------


def work(kind: str, first: int, last: int, share: int) -> None:
    """Every so many of the people from first to last, once a line on standard input says to begin."""
    people = list(_people()[first:last])[share::WORKERS]
    act: Callable[[Identity], Any] = flow
    if kind == "limit":
        accounts = _accounts()
        act = writes.copier(json.loads(sys.stdin.readline()), lambda person: [uuid4(), accounts[person.pk]])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for person in people:
        act(person)


def timed(kind: str, first: int, last: int, template: str) -> float:
    """Seconds that the workers take for all of them, from the moment at which all are ready."""
    command = [sys.executable, "-m", "bench.request_flow", kind, str(first), str(last)]
    workers = [
        subprocess.Popen([*command, str(share)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        for share in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdin and worker.stdout  # noqa: PT018, S101 - both are pipes
        if kind == "limit":
            worker.stdin.write(f"{template}\n")
            worker.stdin.flush()
        worker.stdout.readline()
    began = time.perf_counter()
    for worker in workers:
        worker.communicate("begin\n")
        if worker.returncode:
            msg = f"a worker ended with {worker.returncode}"
            raise AssertionError(msg)
    return time.perf_counter() - began


def main(size: str) -> None:
    """Measure it on a copy of the organisation of the size, and print the result."""
    each = FLOWS[size]
    prepare(2 * frame.ROUNDS * each + 1)
    people = list(_people()[: 2 * frame.ROUNDS * each + 1])
    server_roles(os.environ[ADDRESS], [_login(person) for person in people])
    last, token = people[-1], uuid4()
    theirs = [token, _accounts()[last.pk]]
    template = json.dumps(writes.pattern(lambda: flow(last, token), last, theirs))
    taken: dict[str, list[float]] = {"limit": [], "flow": []}
    for number, kind in _turns():
        first = number * each
        taken[kind].append(timed(kind, first, first + each, template))
        sys.stderr.write(f"  {kind}: {each} in {taken[kind][-1]:.2f} s\n")
    seconds, limit = (statistics.median(taken[kind]) for kind in ("flow", "limit"))
    result = {
        "name": "request-flow",
        "size": size,
        "seconds": round(seconds, 4),
        "limit_seconds": round(limit, 4),
        "ratio": round(limit / seconds, 3),
        "target": TARGET,
        "met": limit / seconds >= TARGET,
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "queries": None,
        "flows": each,
        "flows_a_second": round(each / seconds, 1),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _turns() -> Iterator[tuple[int, str]]:
    for number in range(2 * frame.ROUNDS):
        yield number, ("limit", "flow")[number % 2]


if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 - a worker's four, or the size alone
        work(sys.argv[1], *map(int, sys.argv[2:]))
    else:
        main(sys.argv[1])
