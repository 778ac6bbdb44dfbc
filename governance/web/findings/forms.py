"""The forms of findings. They check what was sent, and save nothing."""

from datetime import UTC, datetime, time

from django import forms

from governance.web.fields import OwnWords
from governance.web.purposes.forms import Day


class DismissForm(forms.Form):
    """Why something is let be, and until when."""

    reason = OwnWords("Say why, in a sentence: who looks next reads this.")
    until = Day(label="Until", help_text="Within a year. If it is still there then, it is open again.")

    def until_moment(self) -> datetime | None:
        """The day's first moment."""
        day = self.cleaned_data["until"]
        return datetime.combine(day, time(), UTC) if day else None


class LookForm(forms.Form):
    """Nothing has to be said."""
