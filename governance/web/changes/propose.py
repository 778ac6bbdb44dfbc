"""The page of every form that proposes a change."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.changes import actions
from governance.changes.kinds import RETIRED
from governance.web import bases
from governance.web.changes.forms import ProposalForm


@dataclass(frozen=True, slots=True)
class Words:
    """What a form's page says: its title, what follows from it, and its button."""

    title: str
    lede: str
    verb: str


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


class ChangePage(ProposePage):
    """Such a form about one thing that is there; `detail` names the route of its own page."""

    detail: ClassVar[str]

    def subject(self) -> Any:
        """The thing, if the actor sees it and it is active. Raises NotFound, Denied, Conflict."""
        pk: UUID = self.kwargs["pk"]
        return actions.proposable(kind=self.kind, subject_id=pk, actor=self.actor, now=self.now)

    @abstractmethod
    def words(self, subject: Any, /) -> Words:
        """What its page says."""

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        subject = self.subject()
        said = self.words(subject)
        back = reverse(self.detail, args=[subject.pk])
        context = {"form": form, "back": back, "over": str(subject)}
        return self.draw({**context, "title": said.title, "lede": said.lede, "verb": said.verb}, status=status)


class RetirePage(ChangePage):
    """A form that proposes the end of something; `lede` says what follows."""

    form_class = ProposalForm
    lede: ClassVar[str]

    def payload(self, _form: Any, /) -> dict[str, Any]:
        """There is nothing to choose."""
        return {"state": RETIRED}

    def words(self, subject: Any, /) -> Words:
        """What its page says."""
        return Words(f"Retire {subject}", self.lede, "Propose to retire it")
