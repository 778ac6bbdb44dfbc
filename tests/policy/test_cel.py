import ast
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from governance.policy import cel
from governance.policy.cel import ConditionError, EvaluationFailed, checked, compiled, given
from governance.policy.facts import declarations
from tests.policy.samples import facts

GOVERNANCE = Path(cel.__file__).parents[1]


class TestCompiled:
    @pytest.mark.parametrize(
        ("condition", "line", "column", "words"),
        [
            ("identity.kynd == 'agent'", 1, 9, "no fact or function called identity.kynd. Did you mean identity.kind?"),
            ("identity == 'agent'", 1, 1, "no fact or function called identity"),
            ("frobnicate(now)", 1, 11, "no fact or function called frobnicate"),
            ("assurance > '1'", 1, 11, "> does not work on int and string"),
            ("identity.machine &&\n  assurance == true", 2, 13, "== does not work on int and bool"),
            ("request.term > 3600", 1, 14, "> does not work on duration and int"),
            ("purpose.ends_at > '2027'", 1, 17, "> does not work on timestamp and string"),
            ("assurance >", 1, 12, "Mismatched input at the end"),
            ("", 1, 1, "Mismatched input"),
            ("identity.kind", 1, 1, "A condition is true or false; this is of type string"),
            ("true ? 1 : 2", 1, 1, "this is of type int"),
            ("dyn(true)", 1, 1, "this is of type dyn"),
            ("(" * 40 + "true" + ")" * 40, 1, 1, "recursion limit"),
            ("true || " * 600 + "true", 1, 1, "at most 4000 characters"),
        ],
    )
    def test_says_where_and_what_is_wrong(self, condition: str, line: int, column: int, words: str) -> None:
        with pytest.raises(ConditionError) as refusal:
            compiled(condition)
        assert (refusal.value.line, refusal.value.column) == (line, column)
        assert words in refusal.value.message
        assert "\n" not in str(refusal.value)

    def test_knows_every_declared_fact_by_its_type(self) -> None:
        for fact in declarations():
            assert compiled(f"{fact.name} == {fact.name}").holds(given(facts()))

    def test_compiles_a_text_once(self) -> None:
        assert compiled("assurance == 3") is compiled("assurance == 3")


class TestChecked:
    @pytest.mark.parametrize(
        "condition",
        [
            "duration('30d') < request.term",  # the engine reads constants only when it runs
            "now < timestamp('next week')",
            "identity.name.matches('(')",
            "1 / 0 == 1",
            "access.entitlements[7] == 'ledger/post'",
        ],
    )
    def test_refuses_what_compiles_but_does_not_work(self, condition: str) -> None:
        compiled(condition)
        with pytest.raises(ConditionError, match="does not work on ordinary facts"):
            checked(condition)

    def test_takes_a_condition_that_is_false_of_the_ordinary_facts(self) -> None:
        assert checked("assurance == 3").text == "assurance == 3"


class TestHolds:
    @pytest.mark.parametrize(
        ("condition", "answer"),
        [
            ("identity.kind == 'agent' && system.environment == 'production'", True),
            ("entitlement.risk in ['high', 'critical']", False),
            ("request.term > duration('720h')", False),
            ("request.term >= duration('720h')", True),
            ("purpose.ends_at - now > duration('24h')", True),
            ("access.entitlements.exists(held, held.startsWith('ledger/'))", True),
        ],
    )
    def test_answers_yes_or_no(self, condition: str, answer: bool) -> None:
        assert compiled(condition).holds(given(facts())) is answer

    @pytest.mark.parametrize(
        "condition",
        ["1 / (assurance - 2) == 1", "access.entitlements[assurance] == 'x'", "identity.title.matches('(')"],
    )
    def test_never_takes_the_engines_truthy_error_for_a_yes(self, condition: str) -> None:
        expression = compiled(condition).expression
        assert expression.eval(given(facts()).activation).value(), "the trap is gone: the engine no longer returns it"
        with pytest.raises(EvaluationFailed):
            compiled(condition).holds(given(facts()))

    def test_fails_when_the_budget_for_loops_runs_out(self) -> None:
        many = facts(access__entitlements=tuple(f"ledger/{number}" for number in range(300)))
        condition = "access.entitlements.all(a, access.entitlements.all(b, a + b != 'x'))"
        assert compiled(condition).holds(given(facts()))
        with pytest.raises(EvaluationFailed, match="budget"):
            compiled(condition).holds(given(many))

    @pytest.mark.parametrize(
        "condition",
        [
            "access.entitlements.all(a, access.entitlements.all(b, access.entitlements.all(c, a + b + c != 'x')))",
            "identity.name.matches('(x+x+)+y') || identity.name.matches('^(([a-z])+.)+[A-Z]([a-z])+$')",
            "true || " * 490 + "true",
        ],
    )
    def test_takes_no_longer_than_a_moment_whatever_the_rule_says(self, condition: str) -> None:
        large = given(
            facts(access__entitlements=tuple(f"ledger/{number}" for number in range(5000)), identity__name="x" * 5000)
        )
        began = time.process_time()
        with suppress(EvaluationFailed):
            compiled(condition).holds(large)
        assert time.process_time() - began < 1

    def test_sees_the_far_future_where_there_is_no_end(self) -> None:
        endless = given(facts(identity__ends_at=None))
        assert compiled("identity.ends_at > timestamp('9999-01-01T00:00:00Z')").holds(endless)


class TestGiven:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("assurance", True),
            ("assurance", Decimal(2)),
            ("assurance", None),
            ("identity__machine", "no"),
            ("identity__machine", 0),
            ("identity__name", None),
            ("identity__id", "0192f0c1-7a00-7000-8000-000000000001"),
            ("now", datetime(2026, 11, 12, 9)),  # noqa: DTZ001 - the point
            ("access__entitlements", "ledger/invoice-read"),
            ("access__entitlements", (object(),)),
        ],
    )
    def test_refuses_a_fact_that_is_not_of_its_declared_type(self, name: str, value: Any) -> None:
        with pytest.raises(EvaluationFailed, match=name.replace("__", ".")):
            given(facts(**{name: value}))

    @pytest.mark.parametrize(("name", "value"), [("now", None), ("request__term", 3600)])
    def test_never_sees_wrong_facts_that_others_follow_from(self, name: str, value: Any) -> None:
        with pytest.raises((AttributeError, TypeError)):
            facts(**{name: value})

    def test_takes_what_it_is_given_into_every_condition(self) -> None:
        moment = datetime(2030, 1, 1, tzinfo=UTC)
        known = given(facts(assurance=3, now=moment, request__term=timedelta(hours=2)))
        for condition in (
            "assurance == 3",
            "now == timestamp('2030-01-01T00:00:00Z')",
            "request.term == duration('2h')",
        ):
            assert compiled(condition).holds(known)


def test_no_other_module_imports_the_engine() -> None:
    importers = {
        path.relative_to(GOVERNANCE).as_posix()
        for path in GOVERNANCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "cel_expr_python" in {getattr(node, "module", None), *(alias.name.split(".")[0] for alias in node.names)}
    }
    assert importers == {"policy/cel.py"}
