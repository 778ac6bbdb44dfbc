"""What every connector must pass: test classes for authors, to be run by pytest.

Subclass those that fit what the connector declares, and give each a fixture `target`:

    class TestLedger(conformance.Governs, conformance.FollowsPaths, conformance.Remote):
        @pytest.fixture
        def target(self):
            return LedgerTarget(...)

The target is a real system, seen by its own administrator and never through the connector: what the connector says is
compared with it. docs/connectors.md says what else holds for every call.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from governance.connectors.interface import (
    ByHand,
    Capability,
    Connector,
    ConnectorError,
    Observation,
    Observed,
    Refused,
    Unreachable,
)
from governance.core.errors import Invalid

PATIENCE_SECONDS = 1.0
"""What a call may take beyond its total deadline before it counts as late."""


class Target(ABC):
    """A system under test."""

    plugin: type[Connector]
    settings: Mapping[str, Any]
    secrets: Sequence[str] = ()
    """What no message may hold: tokens, passwords."""

    def connector(self) -> Connector:
        """A connector to the system, made anew as for each piece of work."""
        return self.plugin.from_settings(self.settings)

    @abstractmethod
    def pair(self) -> tuple[str, str]:
        """A login and an entitlement that both exist, of which the login does not hold it."""

    @abstractmethod
    def holds(self, login: str, entitlement: str) -> bool:
        """Whether the login holds the entitlement directly, as the system's administrator sees it."""

    @abstractmethod
    def give(self, login: str, entitlement: str) -> None:
        """Give it directly, behind the connector's back."""

    @abstractmethod
    def missing(self) -> str:
        """A name that nothing in the system has, neither a login nor an entitlement."""


class PathTarget(Target):
    """A system in which access can stand without a direct assignment."""

    @abstractmethod
    def give_through_another(self, login: str, entitlement: str) -> None:
        """Let the login have the entitlement through something else."""


class RemoteTarget(Target):
    """A system behind a network."""

    @abstractmethod
    def unreachable(self) -> Connector:
        """A connector to an address where nothing listens."""

    @abstractmethod
    def silent(self) -> Connector:
        """A connector to a system that takes connections and never answers; its total deadline is 2 s at most."""


class ListTarget(Target):
    """A system in which some answer is a list of several pages."""

    @abstractmethod
    def partial(self) -> Connector:
        """A connector to a system whose lists break off before their end, for looking at what `pair` gave."""


class Declares:
    """What a connector says of itself. For all."""

    def test_is_made_without_connecting_and_keeps_its_deadlines(self, target: Target) -> None:
        made = self._with(target, connect_seconds=1.5, read_seconds=2.5, total_seconds=3.5).deadlines
        assert (made.connect, made.read, made.total) == (1.5, 2.5, 3.5)

    def test_names_every_setting_that_is_wrong(self, target: Target) -> None:
        problems = _invalid(lambda: self._with(target, read_seconds=-1, no_such_setting=1))
        assert {"read_seconds", "no_such_setting"} <= set(problems)
        _hold_no_secret(target, " ".join(problems.values()))

    def _with(self, target: Target, **settings: Any) -> Connector:
        return target.plugin.from_settings({**target.settings, **settings})


class Governs(Declares):
    """For connectors that write and observe."""

    def test_declares_both(self, target: Target) -> None:
        assert {Capability.WRITE, Capability.OBSERVE} <= target.plugin.capabilities

    def test_answers_when_asked_how_it_is(self, target: Target) -> None:
        said = target.connector().check()
        assert said
        _hold_no_secret(target, said)

    def test_makes_present_once_however_often_it_is_asked(self, target: Target) -> None:
        pair = target.pair()
        assert _seen(target, pair) == Observation.ABSENT
        for _ in range(3):
            target.connector().ensure_present(*pair)
            assert target.holds(*pair)
            assert _seen(target, pair) == Observation.PRESENT

    def test_makes_absent_once_however_often_it_is_asked(self, target: Target) -> None:
        pair = target.pair()
        target.give(*pair)
        for _ in range(3):
            target.connector().ensure_absent(*pair)
            assert not target.holds(*pair)
            assert _seen(target, pair) == Observation.ABSENT

    def test_takes_one_and_leaves_the_others(self, target: Target) -> None:
        gone, other = target.pair(), target.pair()
        stay = {other, (other[0], gone[1]), (gone[0], other[1])} - {gone}
        for pair in (gone, *stay):
            target.give(*pair)
        target.connector().ensure_absent(*gone)
        assert not target.holds(*gone)
        assert all(target.holds(*pair) for pair in stay)

    def test_sees_what_others_have_done(self, target: Target) -> None:
        pair = target.pair()
        target.give(*pair)
        assert _seen(target, pair) == Observation.PRESENT

    def test_says_how_it_looked(self, target: Target) -> None:
        look = target.connector().observe(*target.pair())
        assert look.answer
        assert all((look.method, look.source, look.detail))
        _hold_no_secret(target, f"{look.method} {look.source} {look.detail} {look.answer!r}")

    def test_keeps_looks_apart(self, target: Target) -> None:
        pair = target.pair()
        before = target.connector().observe(*pair)
        target.give(*pair)
        assert target.connector().observe(*pair).answer_hash != before.answer_hash

    def test_refuses_to_give_what_is_not_there(self, target: Target) -> None:
        login, entitlement = target.pair()
        for pair in ((target.missing(), entitlement), (login, target.missing())):
            _refuses(target, partial(target.connector().ensure_present, *pair))
            assert _seen(target, pair) == Observation.ABSENT

    def test_has_nothing_to_take_where_nothing_is(self, target: Target) -> None:
        login, entitlement = target.pair()
        for pair in ((target.missing(), entitlement), (login, target.missing())):
            target.connector().ensure_absent(*pair)


class FollowsPaths:
    """For connectors that see access which stands without a direct assignment."""

    def test_declares_it(self, target: PathTarget) -> None:
        assert Capability.OTHER_PATHS in target.plugin.capabilities

    def test_names_the_way(self, target: PathTarget) -> None:
        pair = target.pair()
        target.give_through_another(*pair)
        look = target.connector().observe(*pair)
        assert look.observation == Observation.OTHER_PATH
        assert look.paths
        assert all(look.paths)

    def test_does_not_call_it_absent_after_a_removal(self, target: PathTarget) -> None:
        pair = target.pair()
        target.give_through_another(*pair)
        target.give(*pair)
        target.connector().ensure_absent(*pair)
        assert not target.holds(*pair)
        assert _seen(target, pair) == Observation.OTHER_PATH


class Remote:
    """For connectors to systems behind a network."""

    def test_proves_nothing_when_nobody_is_there(self, target: RemoteTarget) -> None:
        for call in _calls(target.unreachable(), target.pair()):
            assert not _unreachable(target, call).sent

    def test_proves_nothing_and_comes_back_in_time_when_nobody_answers(self, target: RemoteTarget) -> None:
        pair = target.pair()
        connector = target.silent()
        for call in _calls(connector, pair):
            began = time.monotonic()
            _unreachable(target, call)
            assert time.monotonic() - began < connector.deadlines.total + PATIENCE_SECONDS


class Lists:
    """For connectors that read lists of several pages."""

    def test_does_not_take_part_of_a_list_for_the_whole(self, target: ListTarget) -> None:
        login, _ = target.pair()
        assert target.partial().observe(login, target.missing()).observation == Observation.UNKNOWN


class LeavesToPeople(Declares):
    """For connectors that stand for people's work: they call nothing, see nothing and prove nothing."""

    def test_declares_nothing_else(self, target: Target) -> None:
        assert target.plugin.capabilities == frozenset()

    def test_refuses_to_act_or_to_look(self, target: Target) -> None:
        for call in _calls(target.connector(), target.pair()):
            _refuses(target, call)

    def test_says_what_is_to_be_done(self, target: Target) -> None:
        for wanted in (True, False):
            connector = target.connector()
            assert isinstance(connector, ByHand)
            work = connector.work(wanted=wanted)
            assert work.instructions
            assert work.term.total_seconds() > 0


def _seen(target: Target, pair: tuple[str, str]) -> Observation:
    return target.connector().observe(*pair).observation


def _calls(connector: Connector, pair: tuple[str, str]) -> "list[Callable[[], str | Observed]]":
    return [
        lambda: connector.observe(*pair),
        lambda: connector.ensure_present(*pair),
        lambda: connector.ensure_absent(*pair),
    ]


def _invalid(make: Callable[[], Connector]) -> Mapping[str, str]:
    try:
        make()
    except Invalid as invalid:
        return invalid.fields
    raise AssertionError("settings that are wrong were taken")


def _unreachable(target: Target, call: Callable[[], Any]) -> Unreachable:
    try:
        answer = call()
    except Unreachable as error:
        _hold_no_secret(target, _everything(error))
        return error
    raise AssertionError(f"a system that did not answer was taken to say: {answer}")


def _refuses(target: Target, call: Callable[[], Any]) -> None:
    try:
        answer = call()
    except Refused as error:
        _hold_no_secret(target, _everything(error))
        return
    raise AssertionError(f"what can't be done was answered with: {answer}")


def _everything(error: ConnectorError) -> str:
    """What a log or a page could show of the error and of what it came from."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return " ".join(repr(one) + str(one) for one in causes)


def _hold_no_secret(target: Target, text: str) -> None:
    for secret in target.secrets:
        assert secret not in text, "a secret is shown"
