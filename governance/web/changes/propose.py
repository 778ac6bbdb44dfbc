"""The page of every form that proposes a change."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.changes import actions
from governance.web import bases


class ProposePage(bases.FormPage):
    """A form that proposes a change of one kind; a page says which, and shows it."""

    template_name = "changes/propose.html"
    kind: ClassVar[str]

    def payload(self, form: Any, /) -> dict[str, Any]:
        """What the form wants, as plain values."""
        found: dict[str, Any] = form.payload()
        return found

    def act(self, form: Any) -> HttpResponse:
        """Propose it and go to the change."""
        given = form.cleaned_data
        change = actions.propose(
            kind=self.kind,
            subject_id=self.kwargs.get("pk"),
            payload=self.payload(form),
            reason=given["reason"],
            token=given["token"],
            actor=self.actor,
            now=self.now,
        )
        messages.success(self.request, f"{change} is proposed. Those who decide are asked.")
        return redirect("change-detail", pk=change.pk)
