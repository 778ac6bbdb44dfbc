"""The forms of a decision and of a delegation."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms

from governance.approvals.delegating import Terms
from governance.approvals.states import DELEGABLE
from governance.core.errors import Invalid
from governance.identities.models import Identity
from governance.web.fields import OwnWords


class DecisionForm(forms.Form):
    """Approve: a reason for what is of high risk, and a tick that it was read."""

    reason = forms.CharField(label="Reason", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 1}))
    acknowledged = forms.BooleanField(
        required=False, error_messages={"required": "Tick this: at high risk an approval says that it was read."}
    )

    def __init__(self, data: Any = None, *, high_risk: bool) -> None:
        super().__init__(data)
        if high_risk:
            self.fields["reason"].required = True
            self.fields["reason"].error_messages["required"] = "Say why: at high risk an approval has a reason."
            self.fields["acknowledged"].required = True


class RefusalForm(DecisionForm):
    """Reject or ask: always with words for the requester."""

    def __init__(self, data: Any = None, *, high_risk: bool) -> None:
        super().__init__(data, high_risk=high_risk)
        self.fields["reason"].required = True
        self.fields["reason"].error_messages["required"] = "Say why, or what you ask: the requester reads it."
        self.fields["acknowledged"].required = False


class CommentForm(forms.Form):
    """A few words to the others."""

    text = forms.CharField(
        label="Comment",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
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
