"""Facts as decisions keep them, read back."""

from dataclasses import asdict
from typing import Any

import pytest

from governance.core.moves import plain
from governance.policy.facts import EXAMPLE, declarations
from governance.policy.kept import Derived, NotKept, entered, example_with, names_in, revived, settable, value
from governance.policy.words import said

DERIVED = ("time.hour", "time.weekday", "risk.score", "risk.tier", "risk.factors", "risk.weights")


def kept() -> dict[str, Any]:
    found: dict[str, Any] = plain(asdict(EXAMPLE))
    return found


class TestRevived:
    def test_are_what_was_kept(self) -> None:
        assert revived(kept()) == EXAMPLE

    @pytest.mark.parametrize("name", ["identity.department", "assurance"])
    def test_invent_nothing_that_was_declared_later(self, name: str) -> None:
        facts = kept()
        group, _, fact = name.rpartition(".")
        del (facts[group] if group else facts)[fact]
        with pytest.raises(NotKept, match=name):
            revived(facts)


class TestValue:
    @pytest.mark.parametrize("fact", declarations(), ids=lambda fact: fact.name)
    def test_reads_every_fact_as_decisions_keep_it(self, fact: Any) -> None:
        assert value(fact.name, plain(fact.example)) == fact.example


class TestExampleWith:
    def test_changes_the_named_facts_alone(self) -> None:
        facts = example_with({"identity.kind": "person", "request.term": 3600, "assurance": 1})
        assert (facts.identity.kind, facts.request.term.seconds, facts.assurance) == ("person", 3600, 1)
        assert facts.entitlement == EXAMPLE.entitlement

    def test_refuses_what_is_no_fact(self) -> None:
        with pytest.raises(NotKept):
            example_with({"identity.shoe_size": 44})

    @pytest.mark.parametrize("name", DERIVED)
    def test_refuses_what_follows_from_other_facts(self, name: str) -> None:
        with pytest.raises(Derived, match=f"{name} follows from the other facts"):
            example_with({name: "low"})

    def test_changes_what_follows_with_it(self) -> None:
        facts = example_with({"entitlement.risk": "critical", "now": "2026-11-14T23:00:00.000000Z"})
        assert (facts.risk.tier, facts.time.hour, facts.time.weekday) == ("critical", 23, 6)


class TestSettable:
    def test_are_all_but_those_that_follow_from_others(self) -> None:
        names = {fact.name for fact in declarations()} - {fact.name for fact in settable()}
        assert names == set(DERIVED)


class TestNamesIn:
    @pytest.mark.parametrize(
        ("condition", "names"),
        [
            ("true", ()),
            ("identity.kind.startsWith('a') && now > purpose.ends_at", ("identity.kind", "purpose.ends_at", "now")),
            ("access.entitlements.exists(e, e == 'x')", ("access.entitlements",)),
            ("identity.kinder == 'x' || knows", ()),
        ],
    )
    def test_are_the_facts_that_a_condition_names(self, condition: str, names: tuple[str, ...]) -> None:
        assert names_in(condition) == names


class TestEntered:
    @pytest.mark.parametrize("fact", settable(), ids=lambda fact: fact.name)
    def test_takes_what_a_reason_says_of_every_type(self, fact: Any) -> None:
        text = "" if fact.example == "" else said(fact.example)
        read = value(fact.name, entered(fact.name, text))
        assert type(read) is type(fact.example)

    @pytest.mark.parametrize(
        ("name", "text", "plainly"),
        [
            ("identity.machine", "yes", True),
            ("assurance", "2", 2),
            ("request.term", "2 days 3 hours", 2 * 86400 + 3 * 3600),
            ("purpose.ends_at", "no end", None),
            ("purpose.ends_at", "2027-06-30 18:00", "2027-06-30T18:00:00.000000Z"),
            ("access.entitlements", "a/b, c/d", ["a/b", "c/d"]),
        ],
    )
    def test_keeps_it_as_decisions_do(self, name: str, text: str, plainly: Any) -> None:
        assert entered(name, text) == plainly

    @pytest.mark.parametrize(
        ("name", "text", "expected"),
        [
            ("identity.machine", "maybe", "bool"),
            ("assurance", "1.5", "int"),
            ("request.term", "2 months", "duration"),
            ("now", "30 Jun", "timestamp"),
            ("identity.id", "7", "id"),
            ("identity.size", "7", "no fact"),
            ("risk.tier", "low", "follows from the other facts"),
        ],
    )
    def test_says_which_type_is_expected(self, name: str, text: str, expected: str) -> None:
        with pytest.raises(ValueError, match=expected):
            entered(name, text)
