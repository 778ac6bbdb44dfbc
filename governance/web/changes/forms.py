"""The forms about a proposed change, and what those that propose one have in common."""

from uuid import uuid4

from django import forms

from governance.web.fields import OwnWords


class WithdrawForm(forms.Form):
    """Why, if there is something to say."""

    reason = OwnWords(help_text="Kept on record.")


class AnswerForm(forms.Form):
    """An answer to an approver."""

    question = forms.UUIDField(widget=forms.HiddenInput)
    answer = OwnWords("Write an answer: the approver waits for it.", label="Answer", max_length=4000)


class ProposalForm(forms.Form):
    """What every form that proposes a change asks: why. Its token makes a form sent twice one change."""

    reason = OwnWords("Say why: those who decide read this first.", label="Why", max_length=4000)
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
