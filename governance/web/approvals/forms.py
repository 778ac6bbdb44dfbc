"""The forms of a decision, of what else is done with a step, and of a delegation."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q

from governance.approvals.actions import LONGEST_COMMENT
from governance.approvals.delegating import Terms
from governance.approvals.states import DELEGABLE
from governance.core.errors import Invalid
from governance.core.files import LARGEST, TAKEN
from governance.core.subjects import Span
from governance.identities.models import Identity
from governance.identities.states import MACHINE_KINDS
from governance.web.fields import OwnWords

Choices = Sequence[tuple[str, str]]


class DecisionForm(forms.Form):
    """Approve: a reason for what is sensitive, and a tick that it was read; `lengths` are what it may be cut to."""

    less = forms.ChoiceField(label="For how long", required=False)
    reason = forms.CharField(label="Reason", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 1}))
    ticket = forms.CharField(label="Ticket", max_length=200, required=False, help_text="Where else it is written down.")
    evidence = forms.FileField(
        label="File", required=False, help_text=f"{TAKEN}, at most {LARGEST // (1024 * 1024)} MiB."
    )
    acknowledged = forms.BooleanField(
        required=False, error_messages={"required": "Tick this: such an approval says that it was read."}
    )

    def __init__(self, data: Any = None, files: Any = None, *, sensitive: bool, lengths: Choices = ()) -> None:
        super().__init__(data, files)
        if lengths:
            self.fields["less"].choices = lengths  # type: ignore[attr-defined]  # a field of choices
        else:
            del self.fields["less"]
        if sensitive:
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = "Say why: such an approval has a reason."
            self.fields["acknowledged"].required = True

    def span(self) -> Span | None:
        """To how much it says yes; None where it says yes to all."""
        return span_of(self.cleaned_data.get("less", ""))


class RefusalForm(DecisionForm):
    """Reject or ask: always with words for the requester."""

    def __init__(self, data: Any = None, files: Any = None, *, sensitive: bool, lengths: Choices = ()) -> None:
        super().__init__(data, files, sensitive=sensitive, lengths=lengths)
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
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="@ and somebody's name tells them, if they may read it.",
        error_messages={"required": "Write what you want to say."},
    )


class DelegationForm(forms.Form):
    """Who decides in one's place, what, why, and for how long."""

    delegate = forms.EmailField(
        label="Who decides in your place",
        max_length=254,
        help_text="Their e-mail address.",
        error_messages={"required": "Say who.", "invalid": "Give the e-mail address of a person."},
    )
    kind = forms.ChoiceField(
        label="What they decide",
        required=False,
        choices=[("", "All that you are asked"), *((kind.value, f"As {kind.label.lower()}") for kind in DELEGABLE)],
        help_text="Consents stay with you.",
    )
    starts_on = forms.DateField(
        label="From",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The beginning of this day, UTC. Left empty, from now on.",
    )
    ends_on = forms.DateField(
        label="Until",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The end of this day, UTC.",
        error_messages={"required": "Say until when."},
    )
    reason = OwnWords("Say why: whoever decides in your place reads it.", help_text="Kept on record.")

    def delegate_id(self, now: datetime) -> UUID:
        """Whom the form names. Raises Invalid unless there is exactly one."""
        named = Identity.objects.active(now).filter(email__iexact=self.cleaned_data["delegate"], human__isnull=False)
        found = list(named[:2])
        if len(found) != 1:
            raise Invalid({"delegate": "No active person, or more than one, has this address."})
        return found[0].pk

    def terms(self, now: datetime) -> Terms:
        """What the form says."""
        said = self.cleaned_data
        first, last = said["starts_on"], said["ends_on"]
        starts_at = now if first in {None, now.date()} else midnight(first)
        return Terms(said["kind"], said["reason"], starts_at, midnight(last + timedelta(days=1)))


def midnight(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class EndForm(forms.Form):
    """Why, if there is something to say."""

    reason = OwnWords(help_text="Optional. Kept on record, and told to the other.")
