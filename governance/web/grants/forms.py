from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms

from governance.requests.rules import SHORTEST_JUSTIFICATION, Renewal
from governance.web.fields import AtMinute, OwnWords
from governance.web.requests.forms import SAY_WHY, UNTIL, length_of, offered_terms


class HandBackForm(forms.Form):
    """Why a holder gives access back, if they want to say."""

    reason = OwnWords(help_text="Optional. Kept with the grant.")


class NarrowForm(forms.Form):
    """When the access is to end instead."""

    until = AtMinute(
        required=True, label="End, in UTC", error_messages={"required": "Give the day and time of the end."}
    )
    reason = OwnWords(help_text="Optional. Kept with the grant.")


class RenewForm(forms.Form):
    """How long the access is to go on after its end, and why."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    justification = OwnWords(SAY_WHY, label="Why is it still needed?", min_length=SHORTEST_JUSTIFICATION)
    term = forms.ChoiceField(
        label="For how long from its end on",
        error_messages={"required": "Say for how long, or until when.", "invalid_choice": "Choose one of the terms."},
    )
    until = AtMinute(required=False, label="Until, in UTC", help_text="Only where a date is chosen above.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["term"].choices = offered_terms()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A date is given where one is chosen."""
        if self.cleaned_data.get("term") == UNTIL and not self.cleaned_data.get("until") and "until" not in self.errors:
            self.add_error("until", "Give the day and time of the end.")
        return self.cleaned_data

    def renewal(self) -> Renewal:
        """What a valid form asks for."""
        given = self.cleaned_data
        term, until = length_of(given)
        return Renewal(given["justification"], term, until, given["token"])


class RevokeForm(forms.Form):
    """Why somebody's access ends early."""

    reason = OwnWords("Say why: the holder and the owner read it.", help_text="Kept with the grant.")


BY_VERB: Mapping[str, type[forms.Form]] = {"narrow": NarrowForm, "hand_back": HandBackForm, "revoke": RevokeForm}
