"""The forms of feeds. They check what was sent and save nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet

from governance.core.errors import Invalid
from governance.lifecycle.models import Source
from governance.lifecycle.reading import LARGEST_FILE
from governance.lifecycle.sources import Definition
from governance.lifecycle.states import Absence, DateForm, Encoding, Field
from governance.web.fields import OwnWords

AFTER = " after "
COLUMN_HELP = "A line each, “title = job”. “title = job after #” reads “124#CEO” as “CEO”. A feed can say: {}."


class FileForm(forms.Form):
    """One file of one source."""

    source = forms.ModelChoiceField(queryset=Source.objects.none(), label="Source", empty_label="Choose a source")
    file = forms.FileField(label="File", help_text="CSV, as the source's mapping reads it.")
    strict = forms.BooleanField(label="Take all rows, or none when one is bad", required=False)

    def __init__(self, *args: Any, sources: "QuerySet[Source]", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["source"].queryset = sources  # type: ignore[attr-defined]  # a ModelChoiceField's

    def clean_file(self) -> Any:
        """Refuse what is too large before it is read."""
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            msg = f"The file is larger than {LARGEST_FILE // 1024 // 1024} MiB."
            raise forms.ValidationError(msg)
        return file


class DecisionForm(forms.Form):
    """Why a file is applied, or not, if there is something to say."""

    reason = OwnWords(help_text="Optional. Kept with the file's run.")


class HeldForm(forms.Form):
    """Why a file is applied that ends, or lacks, so many."""

    reason = OwnWords(
        "Say why so many end: it is kept with the run.", help_text="Kept with the file's run, and with each end."
    )


class SourceForm(forms.Form):
    """What a source says of itself; mappings are written a line each."""

    key = forms.SlugField(label="Key", max_length=64, help_text="Part of every identity of the source; it stays.")
    name = forms.CharField(label="Name", max_length=200)
    columns = forms.CharField(
        label="Columns", widget=forms.Textarea(attrs={"rows": 8}), help_text=COLUMN_HELP.format(", ".join(Field))
    )
    statuses = forms.CharField(
        label="What the words of the status mean",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="A line each, “Former employee = ended”: expected, active, on_leave or ended.",
    )
    kinds = forms.CharField(
        label="What the words of the kind mean",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A line each, “Contractor = external”: person or external.",
    )
    date_form = forms.ChoiceField(label="Days are written like", choices=DateForm.choices)
    encoding = forms.ChoiceField(label="Letters are written in", choices=Encoding.choices)
    absence = forms.ChoiceField(label="Whoever is not in the file", choices=Absence.choices)
    most_ended = forms.IntegerField(
        label="Hold a file that ends or lacks more than",
        min_value=0,
        max_value=100,
        initial=20,
        help_text="Percent of those who have not ended.",
    )
    external_purpose = forms.CharField(
        label="Purpose of externals", max_length=16, required=False, help_text="Its reference, such as P-0102."
    )
    external_term = forms.IntegerField(
        label="Longest stay of externals without a last day, in days", min_value=1, max_value=3650, required=False
    )

    def definition(self) -> Definition:
        """What the form says. Raises Invalid for a line that can't be read."""
        said = dict(self.cleaned_data)
        said.pop("reason", None)
        days = said.pop("external_term")
        columns = {name: _column(text) for name, text in _lines("columns", said.pop("columns")).items()}
        words: dict[str, Any] = {name: _lines(name, said.pop(name)) for name in ("statuses", "kinds")}
        return Definition(columns=columns, **words, external_term=timedelta(days=days) if days else None, **said)


class ChangeForm(SourceForm):
    """The same, with the reason for the change."""

    reason = OwnWords("Say why: it is kept with the source.", label="Why it changes", rows=2)


def initial(source: Source) -> dict[str, Any]:
    """A source as its form shows it."""
    return {
        **{name: getattr(source, name) for name in ("key", "name", "date_form", "encoding", "absence", "most_ended")},
        "columns": "\n".join(f"{name} = {_written(column)}" for name, column in _in_order(source.columns)),
        "statuses": _written_lines(source.statuses),
        "kinds": _written_lines(source.kinds),
        "external_purpose": source.external_purpose.reference if source.external_purpose else "",
        "external_term": source.external_term.days if source.external_term else None,
    }


def _in_order(columns: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """As a feed's fields are listed: the database keeps no order of its own."""
    return [(name, columns[name]) for name in Field if name in columns]


def _written(column: Any) -> str:
    return column if isinstance(column, str) else f"{column['heading']}{AFTER}{column['after']}"


def _written_lines(words: Mapping[str, str]) -> str:
    return "\n".join(f"{word} = {meaning}" for word, meaning in words.items())


def _lines(field: str, text: str) -> dict[str, str]:
    """The pairs of a text with an “a = b” in each line."""
    pairs: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        left, sign, right = (part.strip() for part in line.rpartition("="))
        if not sign or not left or not right or left in pairs:
            raise Invalid({field: f"“{line}” can't be read: a line says “this = that”, once for each."})
        pairs[left] = right
    return pairs


def _column(text: str) -> Any:
    heading, sign, after = text.partition(AFTER)
    return {"heading": heading.strip(), "after": after.strip()} if sign else text
