"""The forms of a decision, and of what else is done with a step."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q

from governance.core.files import LARGEST, TAKEN
from governance.core.subjects import Span
from governance.identities.models import Identity
from governance.identities.states import MACHINE_KINDS
from governance.web.fields import OwnWords

Choices = Sequence[tuple[str, str]]


class DecisionForm(forms.Form):
    """Approve: a reason for what is of high risk, and a tick that it was read; `lengths` are what it may be cut to."""

    less = forms.ChoiceField(label="For how long", required=False)
    reason = forms.CharField(label="Reason", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 1}))
    ticket = forms.CharField(label="Ticket", max_length=200, required=False, help_text="Where else it is written down.")
    evidence = forms.FileField(
        label="File", required=False, help_text=f"{TAKEN}, at most {LARGEST // (1024 * 1024)} MiB."
    )
    acknowledged = forms.BooleanField(
        required=False, error_messages={"required": "Tick this: at high risk an approval says that it was read."}
    )

    def __init__(self, data: Any = None, files: Any = None, *, high_risk: bool, lengths: Choices = ()) -> None:
        super().__init__(data, files)
        if lengths:
            self.fields["less"].choices = lengths  # type: ignore[attr-defined]  # a field of choices
        else:
            del self.fields["less"]
        if high_risk:
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = "Say why: at high risk an approval has a reason."
            self.fields["acknowledged"].required = True

    def span(self) -> Span | None:
        """To how much it says yes; None where it says yes to all."""
        return span_of(self.cleaned_data.get("less", ""))


class RefusalForm(DecisionForm):
    """Reject or ask: always with words for the requester."""

    def __init__(self, data: Any = None, files: Any = None, *, high_risk: bool, lengths: Choices = ()) -> None:
        super().__init__(data, files, high_risk=high_risk, lengths=lengths)
        self.fields["reason"].required = True
        self.fields["reason"].error_messages["required"] = "Say why, or what you ask: the requester reads it."
        self.fields["acknowledged"].required = False

    def span(self) -> None:
        """Nothing: only a yes says to how much."""


def span_of(value: str) -> Span | None:
    """The span that a choice stands for: none for all that is asked, seconds for a term, else a moment."""
    if not value:
        return None
    return Span(term=timedelta(seconds=int(value))) if value.isdecimal() else Span(until=datetime.fromisoformat(value))


class ReassignForm(forms.Form):
    """Who decides instead, by name or address, and why."""

    taker = forms.CharField(
        label="Who decides instead",
        max_length=254,
        help_text="Their name or e-mail address.",
        widget=forms.TextInput(attrs={"list": "near", "autocomplete": "off"}),
        error_messages={"required": "Say who."},
    )
    reason = OwnWords("Say why: whoever is asked next reads it.", label="Why")

    def __init__(self, data: Any = None, *, now: datetime) -> None:
        super().__init__(data)
        self.now = now

    def clean_taker(self) -> UUID:
        """The one active person who is called so. Raises ValidationError."""
        called = self.cleaned_data["taker"].strip()
        people = Identity.objects.active(self.now).exclude(kind__in=MACHINE_KINDS)
        found = list(people.filter(Q(email__iexact=called) | Q(name__iexact=called)).values_list("pk", flat=True)[:2])
        if not found:
            raise forms.ValidationError("Nobody active has this name or address.")
        if len(found) > 1:
            raise forms.ValidationError("Several people are called so: write the e-mail address.")
        pk: UUID = found[0]
        return pk


class TogetherForm(forms.Form):
    """One answer to several requests."""

    steps = forms.TypedMultipleChoiceField(
        coerce=UUID, error_messages={"required": "Choose at least one."}, widget=forms.MultipleHiddenInput
    )
    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")], widget=forms.HiddenInput)
    reason = OwnWords("Say why: it is kept with each decision.", label="Reason for all")

    def __init__(self, data: Any = None, *, steps: Sequence[UUID]) -> None:
        super().__init__(data, initial={"steps": list(steps)})
        self.fields["steps"].choices = [(str(pk), str(pk)) for pk in steps]  # type: ignore[attr-defined]


class CommentForm(forms.Form):
    """A few words to the others."""

    text = forms.CharField(
        label="Comment",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="@ and somebody's name tells them, if they may read it.",
        error_messages={"required": "Write what you want to say."},
    )
