"""Approvals: what waits for the actor, one of them in full, and the three decisions."""

from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from governance.approvals import actions, permissions
from governance.approvals.models import ApprovalStep
from governance.approvals.states import Verdict
from governance.changes.models import ProposedChange
from governance.changes.queries import matching as matching_changes
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.subjects import decidable
from governance.requests.filters import matching_items
from governance.web import bases, step_up
from governance.web.approvals import acts, forms, items, present, proposals
from governance.web.paging import Keyset
from governance.web.present import counted, number
from governance.web.search import said


class _Inbox(bases.Page):
    """The two panes: what waits on the left, one request on the right."""

    template_name = "approvals/index.html"
    keyset = Keyset(("due_at", "id"), descending=False)

    def panes(self, step: ApprovalStep | None, form: forms.DecisionForm | None = None) -> dict[str, Any]:
        """The inbox with a step opened in it."""
        words = said(self.request.GET)
        part = self.keyset.slice(self._waiting(words), self.request.GET)
        marks = present.Marks(present.answered(part.rows), step.pk if step else None, self.now)
        lines = {**items.rows(part.rows, marks), **proposals.rows(part.rows, marks)}
        groups = present.groups(part.rows, lines, self.now)
        return {
            "q": words or "",
            "summary": self._summary(),
            "groups": groups,
            "next": groups[0].rows[0] if groups and step is None else None,
            "page": part.page,
            "empty": "Nothing waits for you." if words == "" else "Nothing matches.",
            "opened": step is not None,
            **(self.opened(step, form) if step else {"detail": None}),
        }

    def _waiting(self, words: str | None) -> "QuerySet[ApprovalStep]":
        waiting = permissions.inbox(self.actor).select_related("route", "claimed_by")
        if words is None:
            return waiting.none()
        if not words:
            return waiting
        asked, changes = matching_items(words).values("pk"), matching_changes(words).values("pk")
        return waiting.filter(Q(route__subject_id__in=asked) | Q(route__subject_id__in=changes))

    def _summary(self) -> str:
        waiting = permissions.inbox(self.actor).count()
        if not waiting:
            return "Nothing waits for you."
        verb = "waits" if waiting == 1 else "wait"
        noun = counted(waiting, "decision").partition(" ")[2]
        return f"{number(waiting)} {noun} {verb} for you. The soonest is first."

    def opened(self, step: ApprovalStep, form: forms.DecisionForm | None) -> dict[str, Any]:
        """One step in full, with the form to decide it."""
        detail = _detail(step, self.actor, self.now)
        if form is None:
            lengths = present.lengths(step, self.now) if detail.decidable else ()
            form = forms.DecisionForm(sensitive=detail.sensitive, lengths=lengths)
            form.initial = step_up.typed(self.request)
        return {"detail": detail, "form": form, "opened": True}

    def step(self, pk: UUID) -> ApprovalStep:
        """A step that the actor may see. Raises NotFound."""
        found: ApprovalStep = bases.found(permissions.visible(self.actor).select_related("route"), pk)
        return found


class ApprovalList(_Inbox):
    """What waits for the actor."""

    http_method_names = bases.READS

    def get(self, request: HttpRequest) -> HttpResponse:
        """The inbox, with nothing opened."""
        return self.draw(self.panes(None))


class ApprovalPage(_Inbox):
    """One step: in its inbox, or alone where htmx asks for it."""

    http_method_names = bases.READS

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The whole page or the part, which caches must tell apart."""
        step = self.step(pk)
        if self.request.htmx:  # type: ignore[attr-defined]  # set by django-htmx
            context: dict[str, Any] = {"now": self.now, **self.opened(step, None)}
            response = render(request, context["detail"].about.template, context)
        else:
            response = self.draw(self.panes(step))
        patch_vary_headers(response, ["HX-Request"])
        return response


class _Decide(_Inbox, bases.ActionPage):
    """One decision on one step."""

    verdict: ClassVar[Verdict]
    done: ClassVar[str]

    @cached_property
    def _asked(self) -> dict[str, Any]:
        """Whether a yes is given alone, and what it may be cut to."""
        step = self.step(self.kwargs["pk"])
        sensitive = decidable(step.route.subject_kind).is_sensitive(step.route.subject_id)
        return {"sensitive": sensitive, "lengths": present.lengths(step, self.now)}

    def form(self, data: Any = None) -> forms.DecisionForm:
        """As strict as what is asked for has it, with the file that was sent."""
        form_class: Any = self.form_class
        form: forms.DecisionForm = form_class(data, self.request.FILES, **self._asked)
        return form

    def act(self, form: forms.DecisionForm) -> HttpResponse:
        """Record the decision and go back to the inbox."""
        given = form.cleaned_data
        said = {"less": form.span(), "proof": actions.Proof(given["ticket"], given["evidence"])}
        by: dict[str, Any] = {"actor": self.actor, "now": self.now, **said}
        try:
            actions.decide(step_id=self.kwargs["pk"], verdict=self.verdict, reason=given["reason"], **by)
        except Invalid as refusal:
            raise refusal.renamed({"term": "less", "until": "less"}) from refusal
        messages.success(self.request, self.done)
        return redirect("approval-list")

    def show(self, form: forms.DecisionForm, *, status: int = 200) -> HttpResponse:
        """The request again, with what is wrong beside the fields."""
        return self.draw(self.panes(self.step(self.kwargs["pk"]), form), status=status)

    def back(self) -> str:
        """The request, where the form stands."""
        return reverse("approval-detail", args=[self.kwargs["pk"]])

    def conflict(self, _refusal: Conflict) -> HttpResponse:
        """The request as it stands now: who decided it and when, or what stands against a yes; with what was typed."""
        form = self.form(self.request.POST)
        return self.draw({**self.panes(self.step(self.kwargs["pk"]), form), "conflict": True}, status=409)


class Approve(_Decide):
    """Yes."""

    form_class = forms.DecisionForm
    verdict = Verdict.APPROVE
    done = "Your approval is on record."


class Reject(_Decide):
    """No."""

    form_class = forms.RefusalForm
    verdict = Verdict.REJECT
    done = "Your rejection is on record. The requester reads your reason."


class Return(_Decide):
    """Not yet: a question."""

    form_class = forms.RefusalForm
    verdict = Verdict.RETURN
    done = "Your question is asked. The step waits for the answer."


class CommentPage(bases.FormPage):
    """Saying something to the others who have to do with a request."""

    template_name = "approvals/comment.html"
    form_class = forms.CommentForm

    def act(self, form: Any) -> HttpResponse:
        """Keep it, and show it where it is read."""
        text = form.cleaned_data["text"]
        said = actions.comment(route_id=self.kwargs["pk"], text=text, actor=self.actor, now=self.now)
        messages.success(self.request, "Your comment is on record.")
        what = acts.about(said.route)
        return redirect(what.url_name, pk=what.url_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        route = permissions.commentable(self.actor, self.kwargs["pk"], self.now)
        what = acts.about(route)
        back = reverse(what.url_name, args=[what.url_id])
        return self.draw({"form": form, "back": back, "ref": what.reference}, status=status)


def _detail(step: ApprovalStep, actor: Actor, now: datetime) -> present.Detail:
    if step.route.subject_kind == ProposedChange.NOUN:
        return proposals.detail(step, actor, now)
    return items.detail(step, actor, now)
