"""The organisation in which the machine plays, and how far its life has come when a sequence begins."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.utils import timezone

from governance.approvals.actions import decide
from governance.approvals.models import StepApprover
from governance.approvals.states import StepState, Verdict
from governance.catalog.states import Risk
from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Denied
from governance.grants.actions import activate
from governance.grants.models import Grant
from governance.grants.states import WAITING
from governance.identities.models import Identity
from governance.provisioning.actions import claim, due
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from tests.builders import account, actor, draft, entitlement, machine, person, purpose, rule, system, team
from tests.leases import HOUR, MINUTE, give_back, work
from tests.provisioning.things import Scripted
from tests.rules.machine.marks import Marks
from tests.rules.machine.seen import look
from tests.rules.machine.statements import broken
from tests.rules.sql import commit_so_far

DAY: Final = timedelta(days=1)
MANAGERS: Final = {
    "boss": "", "manager": "boss", "alice": "manager", "bob": "dora", "owner": "boss", "backup": "boss",
    "gwen": "boss", "gus": "boss", "dora": "boss", "twin": "dora",
}  # fmt: skip
"""Everybody, with whom they report to. The twin is another identity of the same human as alice."""
STRANGER: Final = "eve"
"""Has no part in anything, and never gets one."""
ROBOT: Final = "robot"
HOLDERS: Final = ("alice", "bob", "owner", ROBOT)
ASKING: Final = (
    ("alice", "alice"),
    ("bob", "bob"),
    ("alice", ROBOT),
    (ROBOT, ROBOT),
    ("backup", ROBOT),
    ("bob", ROBOT),
)
"""Who asks, and for whom; the last may not."""
LONGEST: Final = {"low": 3 * HOUR, "read": 30 * DAY, "admin": 2 * HOUR}
"""The longest lease of each entitlement, by the catalog or by policy."""
JUSTIFIES: Final = {"books": ("low", "read", "admin"), "audit": ("low", "read"), "night": ("low", "admin")}
SHORT: Final = 20 * MINUTE
STANCES: Final[dict[str, dict[str, Any]]] = {
    "as ever": {"cap_seconds": 30 * 86400},
    "short": {"cap_seconds": int(SHORT.total_seconds())},
    "more": {"steps": [{"kind": "system_owner"}]},
    "deny": {"deny": True},
}
"""What a rule that covers everything says from one moment to another."""


class Wish(NamedTuple):
    """Who asks for whom, what, what for and for how many minutes."""

    requester: str
    beneficiary: str
    what: str
    why: str
    minutes: int


class World:
    """Everybody and everything there is when a sequence begins. What a sequence does is undone when it is over."""

    def __init__(self, memory: Scripted) -> None:
        self.memory = memory
        self.people: dict[str, Identity] = {}
        for name, manager in MANAGERS.items():
            human: dict[str, Any] = {"human": self.people["alice"].human} if name == "twin" else {}
            self.people[name] = person(name.title(), manager=self.people.get(manager), **human)
        at = self.people
        team("governance", at["gwen"], at["gus"])
        team("guards", at["dora"], at["gus"], at["twin"])
        at[STRANGER] = person("Eve")
        at[ROBOT] = machine(at["alice"], backup=at["backup"])
        self._things()
        self._policy()
        self.born = timezone.now()
        self._life()
        self.held = frozenset(memory.held)
        commit_so_far()
        assert not broken(self.born)
        self.beginning = look(self.born), Marks.take()[0]

    def _things(self) -> None:
        at = self.people
        self.system = system(at["owner"])
        moderate = entitlement(self.system, at["bob"], key="read")
        low = entitlement(self.system, at["owner"], key="low", risk=Risk.LOW, longest_lease=LONGEST["low"])
        high = entitlement(self.system, at["owner"], key="admin", risk=Risk.HIGH)
        self.entitlements = {"low": low, "read": moderate, "admin": high}
        soon, later = timezone.now() + 4 * HOUR, timezone.now() + DAY
        ends: dict[str, dict[str, Any]] = {
            "books": {},
            "audit": {"ends_at": soon},
            "night": {"ends_at": None, "review_at": later},
        }
        owners = {"books": at["owner"], "audit": at["dora"], "night": at["bob"]}
        self.purposes = {
            name: purpose(owners[name], *(self.entitlements[key] for key in keys), **ends[name])
            for name, keys in JUSTIFIES.items()
        }
        for name in HOLDERS:
            account(at[name], self.system)

    def _policy(self) -> None:
        rule(key="POL-01", condition="entitlement.risk == 'low'", allow_without_human=True)
        rule("entitlement_owner", key="POL-02", condition="entitlement.risk == 'moderate'")
        two = [{"kind": "manager"}, {"kind": "team", "team": "guards", "required": 2}]
        rule(key="POL-03", condition="entitlement.risk == 'high'", steps=two, cap_seconds=2 * 3600)
        rule("identity_owner", key="POL-04", condition="identity.machine && entitlement.risk != 'low'")
        self.stance = rule(key="POL-05", **STANCES["as ever"])

    def _life(self) -> None:
        """Leases, requests and slow workers, each at another stage: so a short sequence reaches what lies deep."""
        now = self.born
        for wish in (
            Wish("alice", "alice", "read", "books", 120),
            Wish("alice", "alice", "read", "audit", 90),
            Wish("alice", ROBOT, "low", "night", 60),
            Wish("owner", "owner", "low", "books", 60),
        ):
            agree(self.ask(wish, now), now)
        begin(now)
        work(now)
        give_back(Grant.objects.get(identity=self.people["owner"]), now=now)
        self.ask(Wish("bob", "bob", "low", "audit", 60), now)
        begin(now)
        self.slow = [(job, None) for pk in due(now=now) if (job := claim(pk, now=now))]
        self.ask(Wish("bob", "bob", "low", "books", 60), now)
        for wish in (Wish("alice", "alice", "admin", "books", 60), Wish("bob", "bob", "admin", "night", 60)):
            agree(self.ask(wish, now), now, votes=1)
        self.ask(Wish(ROBOT, ROBOT, "read", "books", 60), now)

    def ask(self, wish: Wish, now: datetime) -> AccessRequest:
        """Somebody files a request."""
        what, why = self.entitlements[wish.what], self.purposes[wish.why]
        stated = draft(self.people[wish.beneficiary], what, why, term=wish.minutes * MINUTE)
        return requests.submit(draft=stated, actor=self.actor(wish.requester), now=now)

    def actor(self, name: str, *roles: Role) -> Actor:
        """Somebody who acts, with all identities of the same human, as a sign-in has them."""
        who = self.people[name]
        if name == ROBOT:
            return Actor(
                kind=ActorKind.MACHINE,
                label=who.name,
                identity_id=who.pk,
                identity_ids=frozenset({who.pk}),
                assurance=1,
            )
        return replace(actor(who, *roles), identity_ids=self.same_human({who.pk}))

    def same_human(self, identity_ids: Collection[UUID]) -> frozenset[UUID]:
        """All identities of the humans behind these."""
        humans = {one.human_id for one in self.people.values() if one.pk in identity_ids and one.human_id}
        return frozenset(identity_ids) | {one.pk for one in self.people.values() if one.human_id in humans}

    def name(self, identity_id: UUID) -> str:
        """What the world calls the identity."""
        return next(name for name, one in self.people.items() if one.pk == identity_id)


def agree(request: AccessRequest, now: datetime, *, votes: int = 9) -> bool:
    """Whoever is asked says yes, one after another. Answers whether that was enough."""
    asked = StepApprover.objects.filter(
        ends_at__isnull=True,
        step__state=StepState.OPEN,
        step__route__subject_id__in=list(request.items.values_list("pk", flat=True)),
    )
    asked = asked.select_related("identity").order_by("step__position", "identity__name")
    for _ in range(votes):
        row = asked.first()
        if row is None:
            break
        try:
            decide(step_id=row.step_id, verdict=Verdict.APPROVE, reason="Fits", actor=actor(row.identity), now=now)
        except Denied:  # what has changed since they were asked
            break
    return Grant.objects.filter(source_id__in=request.items.values("pk")).exists()


def begin(now: datetime) -> None:
    """A worker activates all that is approved."""
    for pk in Grant.objects.filter(state__in=WAITING).order_by("pk").values_list("pk", flat=True):
        activate(grant_id=pk, now=now)
