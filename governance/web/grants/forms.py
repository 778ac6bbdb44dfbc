from collections.abc import Mapping

from django import forms

from governance.web.fields import OwnWords


class HandBackForm(forms.Form):
    """Why a holder gives access back, if they want to say."""

    reason = OwnWords(help_text="Optional. Kept with the grant.")


class RevokeForm(forms.Form):
    """Why somebody's access ends early."""

    reason = OwnWords("Say why: the holder and the owner read it.", help_text="Kept with the grant.")


BY_VERB: Mapping[str, type[forms.Form]] = {"hand_back": HandBackForm, "revoke": RevokeForm}
