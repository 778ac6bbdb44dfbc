"""The forms of a decision."""

from typing import Any

from django import forms


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
