"""What provisioning needs to work on: an assignment in a system with a connector. No leases."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from governance.access import moves as access
from governance.access.models import Account, Assignment
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.connectors import moves as connectors
from governance.connectors.interface import Capability, Connector, Deadlines, Observation, Observed
from governance.core.actor import Actor
from governance.core.locking import LockError, locked, require_unit_of_work, unit_of_work
from governance.core.moves import create
from governance.identities.states import Environment, Kind
from governance.provisioning import moves
from governance.provisioning.models import ProvisioningTask

TESTER = Actor.system("test")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BY: dict[str, Any] = {"actor": TESTER, "why": "a test", "now": NOW}
OVER_POSTGRES = ("postgres", {"dsn_env": "TARGET_GOVERNED", "connect_seconds": 1})


@unit_of_work()
def a_system(plugin: str = "", settings: dict[str, Any] | None = None) -> System:
    key = f"system-{uuid4().hex[:12]}"
    system = System(key=key, name=key.title(), environment=Environment.TEST, risk=Risk.LOW)
    create(system, **BY)
    if plugin:
        connectors.connect(system, plugin, settings or {}, **BY)
    return system


@unit_of_work()
def an_entitlement(system: System, key: str = "") -> Entitlement:
    entitlement = Entitlement(
        system=system,
        key=key or f"role-{uuid4().hex[:12]}",
        name="A role",
        description="Something to hold",
        risk=Risk.LOW,
        longest_lease=timedelta(days=1),
        review_cadence=timedelta(days=90),
        allowed_kinds=[Kind.PERSON],
    )
    return create(entitlement, **BY)


@unit_of_work()
def an_account(system: System, login: str = "", native_id: str = "") -> Account:
    login = login or f"login-{uuid4().hex[:12]}"
    return access.open_account(system, login, native_id=native_id or login, identity=None, correlated_by="test", **BY)


@unit_of_work()
def _assignment(account: Account, entitlement: Entitlement) -> Assignment:
    return access.hold_assignment(account, entitlement, **BY)


def an_assignment(system: System, login: str = "", key: str = "", native_id: str = "") -> Assignment:
    return _assignment(an_account(system, login, native_id), an_entitlement(system, key))


@unit_of_work()
def want(assignment_id: UUID, *, wanted: bool, now: datetime = NOW) -> ProvisioningTask | None:
    assignment = locked(Assignment.objects.with_names(), assignment_id)
    return moves.want(assignment, wanted, actor=TESTER, why="a test wants it", now=now)


def a_task(assignment: Assignment, *, wanted: bool = True, now: datetime = NOW) -> ProvisioningTask:
    task = want(assignment.pk, wanted=wanted, now=now)
    assert task is not None
    return task


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Scripted(Connector):
    """A system in memory, whose calls fail as a test says. It refuses to be called inside a transaction."""

    capabilities = frozenset(Capability)
    deadlines: Deadlines = field(default_factory=Deadlines)
    held: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    on_change: Callable[[], Any] = lambda: None
    after_change: Callable[[], Any] = lambda: None
    on_look: Callable[[], Any] = lambda: None
    paths: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def from_settings(cls, settings: Any) -> "Scripted":
        return cls()

    def ensure_present(self, login: str, entitlement: str) -> str:
        return self._change("present", lambda: self.held.add((login, entitlement)))

    def ensure_absent(self, login: str, entitlement: str) -> str:
        return self._change("absent", lambda: self.held.discard((login, entitlement)))

    def observe(self, login: str, entitlement: str) -> Observed:
        self._called("look")
        scripted = self.on_look()
        if isinstance(scripted, Observation):
            return self._seen(scripted)
        if (login, entitlement) in self.held:
            return self._seen(Observation.PRESENT)
        return self._seen(Observation.OTHER_PATH if self.paths else Observation.ABSENT)

    def check(self) -> str:
        return "fine"

    def _change(self, name: str, act: Callable[[], None]) -> str:
        self._called(name)
        if self.on_change() != "pretend":
            act()
        self.after_change()
        return f"{name}: done"

    def _called(self, name: str) -> None:
        with suppress(LockError):
            require_unit_of_work()
            raise AssertionError("a system is called inside a transaction")
        self.calls.append(name)

    def _seen(self, observation: Observation) -> Observed:
        return Observed(observation, b"answer", "memory", "a test", f"seen {observation}", self.paths)


@dataclass
class Told:
    """What rests on assignments in these tests: it notes what it is told, and settles other paths if it should."""

    observed: list[tuple[str, bool, str]] = field(default_factory=list)
    failed: list[tuple[str, bool]] = field(default_factory=list)
    settles: bool = False
    locks: int = 0

    def lock(self, assignment_id: UUID) -> None:
        self.locks += 1

    def on_observed(
        self, assignment_id: UUID, observation: str, *, wanted: bool, detail: str, actor: Actor, now: datetime
    ) -> bool:
        self.observed.append((observation, wanted, detail))
        return self.settles

    def on_failed(self, assignment_id: UUID, *, reason: str, dead: bool, actor: Actor, now: datetime) -> None:
        self.failed.append((reason, dead))


def raises(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail
