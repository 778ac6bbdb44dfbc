from django import forms

from governance.provisioning.files import LARGEST, TAKEN


class DoneForm(forms.Form):
    """What was done, and a file that shows it."""

    report = forms.CharField(
        label="What was done",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Read by whoever confirms it, and kept with the grant.",
        error_messages={"required": "Say what was done, and when."},
    )
    evidence = forms.FileField(
        label="Evidence",
        help_text=f"A file that shows it: {TAKEN}, at most {LARGEST // (1024 * 1024)} MiB.",
        error_messages={"required": "Without evidence it can't be confirmed.", "empty": "The file is empty."},
    )


class ConfirmForm(forms.Form):
    """What whoever confirms it has seen."""

    judgement = forms.CharField(
        label="What you have seen",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed to send it back.",
    )


class SendBackForm(ConfirmForm):
    """What is missing."""

    judgement = forms.CharField(
        label="What is missing",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It is done again by what you write.",
        error_messages={"required": "Say what is missing: it is done again by what you write."},
    )
