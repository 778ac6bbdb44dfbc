from django import forms

from governance.core.files import LARGEST, TAKEN
from governance.web.fields import OwnWords


class DoneForm(forms.Form):
    """What was done, and a file that shows it."""

    report = OwnWords(
        "Say what was done, and when.",
        label="What was done",
        help_text="Read by whoever confirms it, and kept with the grant.",
    )
    evidence = forms.FileField(
        label="Evidence",
        help_text=f"A file that shows it: {TAKEN}, at most {LARGEST // (1024 * 1024)} MiB.",
        error_messages={"required": "Without evidence it can't be confirmed.", "empty": "The file is empty."},
    )


class ConfirmForm(forms.Form):
    """What whoever confirms it has seen."""

    judgement = OwnWords(label="What you have seen", help_text="Needed to send it back.")


class SendBackForm(ConfirmForm):
    """What is missing."""

    judgement = OwnWords(
        "Say what is missing: it is done again by what you write.",
        label="What is missing",
        help_text="It is done again by what you write.",
    )
