from collections.abc import Mapping

from django import forms


class HandBackForm(forms.Form):
    """Why a holder gives access back, if they want to say."""

    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Optional. Kept with the grant.",
    )


class RevokeForm(forms.Form):
    """Why somebody's access ends early."""

    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the grant.",
        error_messages={"required": "Say why: the holder and the owner read it."},
    )


BY_VERB: Mapping[str, type[forms.Form]] = {"hand_back": HandBackForm, "revoke": RevokeForm}
