"""How the files of a source are to be read, as data that has been checked. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.core.errors import Invalid
from governance.identities.states import Kind, Status
from governance.lifecycle.states import FEED_KINDS, FEED_STATES, DateForm, Encoding, Field

NAMES = frozenset({Field.NAME, Field.FIRST_NAME, Field.LAST_NAME})


@dataclass(frozen=True, slots=True)
class Column:
    """The heading of a column. Of its cells only what follows `after` counts, where that occurs ("124#CEO")."""

    heading: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Which column says what, and what its words mean. Headings and words are compared without regard to case."""

    columns: Mapping[Field, Column]
    statuses: Mapping[str, Status]
    kinds: Mapping[str, Kind]
    date_form: str = DateForm.ISO
    encoding: str = Encoding.UTF_8


def folded(text: str) -> str:
    """A heading, a word or an address as it is compared: in single spaces, without regard to case."""
    return " ".join(text.split()).casefold()


def reader(
    columns: Mapping[str, Any],
    statuses: Mapping[str, str],
    kinds: Mapping[str, str],
    *,
    date_form: str = DateForm.ISO,
    encoding: str = Encoding.UTF_8,
) -> Reader:
    """The mapping of a source, from plain data.

    A column is a heading, or `{"heading": …, "after": …}`. Raises Invalid, a message for each part that is wrong.
    """
    wrong = {
        "columns": _wrong_columns(columns),
        "statuses": _wrong_words(statuses, FEED_STATES, needed="status" in columns),
        "kinds": _wrong_words(kinds, FEED_KINDS, needed="kind" in columns),
        "date_form": "" if date_form in DateForm.values else f"{date_form} is no form of dates.",
        "encoding": "" if encoding in Encoding.values else f"{encoding} is no known encoding.",
    }
    if found := {name: message for name, message in wrong.items() if message}:
        raise Invalid(found)
    return Reader(
        {Field(name): _column(value) for name, value in columns.items()},
        {folded(word): Status(meaning) for word, meaning in statuses.items()},
        {folded(word): Kind(meaning) for word, meaning in kinds.items()},
        date_form,
        encoding,
    )


def _column(value: Any) -> Column:
    return Column(value) if isinstance(value, str) else Column(value["heading"], value.get("after", ""))


def _wrong_columns(columns: Mapping[str, Any]) -> str:
    unknown = sorted(set(columns) - set(Field))
    if unknown:
        return f"Nothing is known of {', '.join(unknown)}. A feed can say: {', '.join(Field)}."
    if badly := [name for name, value in columns.items() if not _is_column(value)]:
        return f"Name the heading of the column for {', '.join(badly)}."
    if Field.KEY not in columns:
        return "One column must hold the key that the source knows each person by."
    if not NAMES & set(columns):
        return "A name is needed: one column for it, or one for the first name and one for the last."
    return ""


def _is_column(value: Any) -> bool:
    if isinstance(value, Mapping):
        known = set(value) <= {"heading", "after"} and isinstance(value.get("after", ""), str)
        return known and _is_column(value.get("heading"))
    return isinstance(value, str) and bool(value.strip())


def _wrong_words(words: Mapping[str, str], meanings: frozenset[Any], *, needed: bool) -> str:
    choices = ", ".join(sorted(meanings))
    if unknown := sorted({str(meaning) for meaning in words.values()} - meanings):
        return f"A word can't mean {', '.join(unknown)}. It means one of: {choices}."
    if twins := [word for word, count in Counter(map(folded, words)).items() if count > 1]:
        return f"{', '.join(twins)} stands twice: words are compared without regard to case."
    if needed and not words:
        return f"The column has words of its own: say which of them means which of {choices}."
    return ""
