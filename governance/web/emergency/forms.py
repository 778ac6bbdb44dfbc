"""The forms of break-glass. They check what was sent and save nothing."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django import forms

from governance.break_glass.rules import MOST_INCIDENT, MOST_LOCATOR, Draft, Exposed
from governance.break_glass.states import Secret
from governance.web.fields import Length, OwnWords

ROWS: Final = 5
"""Credentials that one form of a review lists; the API takes more."""

Choices = Iterable[tuple[UUID, str]]


class TakeForm(forms.Form):
    """What one takes at once, for which incident, why, and for how long."""

    entitlement = forms.TypedChoiceField(label="What you need", coerce=UUID)
    purpose = forms.TypedChoiceField(label="Emergency", coerce=UUID)
    incident = forms.CharField(label="Incident", max_length=MOST_INCIDENT, help_text="Its reference, such as INC-2041.")
    justification = OwnWords(
        "Say what it is needed for, in a sentence: security and the owners read it now.", label="Why"
    )
    term = Length(label="For how long", initial="1 hour", help_text="Such as 90 minutes. It ends by itself.")
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any, entitlements: Choices, purposes: Choices) -> None:
        super().__init__(data, initial={"token": uuid4()})
        for name, rows in (("entitlement", entitlements), ("purpose", purposes)):
            choices = [("", "Choose"), *((str(pk), label) for pk, label in rows)]
            self.fields[name].choices = choices  # type: ignore[attr-defined]  # a ChoiceField's

    def draft(self) -> Draft:
        """What the form says."""
        said = self.cleaned_data
        return Draft(
            entitlement_id=said["entitlement"],
            purpose_id=said["purpose"],
            incident=said["incident"],
            justification=said["justification"],
            term=timedelta(seconds=said["term"]),
            form_token=said["token"],
        )


class ReviewForm(forms.Form):
    """What was done with the access, and what it exposed."""

    done = OwnWords("Say what was done with the access, in a sentence.", label="What was done", rows=4)
    nothing_exposed = forms.BooleanField(label="No credential was exposed", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [("", "None"), *Secret.choices]
        for number in range(1, ROWS + 1):
            self.fields[f"kind_{number}"] = forms.ChoiceField(
                label=f"Exposed credential {number}", choices=kinds, required=False
            )
            self.fields[f"locator_{number}"] = forms.CharField(
                label=f"Where credential {number} is used or kept, never what it says",
                max_length=MOST_LOCATOR,
                required=False,
            )

    def exposed(self) -> Sequence[Exposed]:
        """The credentials of the rows that say anything."""
        said = self.cleaned_data
        rows = (Exposed(said[f"kind_{number}"], said[f"locator_{number}"]) for number in range(1, ROWS + 1))
        return [row for row in rows if row.kind or row.locator]


class RotateForm(forms.Form):
    """What shows that the old one opens nothing any more."""

    evidence = OwnWords(
        "Say what shows that the old one opens nothing any more.",
        label="Evidence",
        help_text="Such as the ticket, or the log line that refuses the old one.",
    )


class CloseForm(forms.Form):
    """Anything else to be said at the end."""

    reason = OwnWords(help_text="Optional. Kept on record.")


class StopForm(forms.Form):
    """Why it is stopped."""

    reason = OwnWords("Say why: the holder and the owners read it.", help_text="Kept with the grant.")
