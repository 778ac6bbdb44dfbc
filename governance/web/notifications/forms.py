from django import forms

from governance.notifications.models import LAST_HOUR
from governance.notifications.states import Rhythm, Topic


class PreferenceForm(forms.Form):
    """How the messages of each topic come by mail."""

    work = forms.ChoiceField(label=Topic.WORK.label, choices=Rhythm.choices)
    outcome = forms.ChoiceField(label=Topic.OUTCOME.label, choices=Rhythm.choices)
    end = forms.ChoiceField(label=Topic.END.label, choices=Rhythm.choices)
    digest_hour = forms.TypedChoiceField(
        label="What comes once a day comes at",
        coerce=int,
        choices=[(hour, f"{hour:02}:00 UTC") for hour in range(LAST_HOUR + 1)],
    )
