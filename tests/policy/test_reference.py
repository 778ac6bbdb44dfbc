from governance.policy.facts import declarations
from governance.policy.reference import PAGE, page


class TestPage:
    def test_is_up_to_date(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        assert page(text) == text, "run: python -m governance.policy.reference"

    def test_documents_every_fact(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        assert [fact.name for fact in declarations() if f"| `{fact.name}` |" not in text] == []

    def test_would_notice_a_table_that_was_changed_by_hand(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        assert page(text.replace("| `assurance` | int |", "| `assurance` | float |")) == text
