from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from governance.policy.words import TemplateError, length, rendered, said


class TestRendered:
    def test_fills_in_facts_in_words(self) -> None:
        values = {"identity.name": "svc_ledger", "cap": timedelta(days=7)}
        assert rendered("{identity.name} has it for {cap}.", values) == "svc_ledger has it for 7 days."

    @pytest.mark.parametrize("template", ["{identity.nome}", "{}", "{identity.name.__class__}", "{identity.name!r}"])
    def test_refuses_what_is_no_fact(self, template: str) -> None:
        with pytest.raises(TemplateError, match="no fact"):
            rendered(template, {"identity.name": "x"})

    @pytest.mark.parametrize("template", ["{identity.name", "identity.name}", "{{identity.name}}"])
    def test_refuses_a_stray_brace(self, template: str) -> None:
        with pytest.raises(TemplateError, match="brace"):
            rendered(template, {"identity.name": "x"})

    def test_does_not_fill_in_what_a_fact_itself_says(self) -> None:
        assert rendered("{identity.name}", {"identity.name": "{cap}", "cap": "secret"}) == "{cap}"


class TestSaid:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "no end"),
            (True, "yes"),
            (False, "no"),
            (0, "0"),
            ("", "not known"),
            ((), "nothing"),
            (("a/b", "c/d"), "a/b, c/d"),
            (datetime(2027, 6, 30, 23, 59, tzinfo=UTC), "30 Jun 2027"),
            (datetime(2027, 7, 1, 1, tzinfo=timezone(timedelta(hours=2))), "30 Jun 2027"),
        ],
    )
    def test_reads_like_a_sentence(self, value: Any, words: str) -> None:
        assert said(value) == words


class TestLength:
    @pytest.mark.parametrize(
        ("term", "words"),
        [
            (timedelta(days=60), "60 days"),
            (timedelta(days=2, hours=1), "2 days 1 hour"),
            (timedelta(hours=36), "36 hours"),
            (timedelta(hours=1, minutes=30), "1 hour 30 minutes"),
            (timedelta(seconds=90), "1 minute 30 seconds"),
            (timedelta(), "no time"),
        ],
    )
    def test_is_exact(self, term: timedelta, words: str) -> None:
        assert length(term) == words
