"""Access requests: asking, the list, one request, withdrawing it and answering a question about it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.evidence import tables
from governance.evidence.queries import chain_of_request
from governance.requests import actions, permissions, queries
from governance.requests.filters import RequestFilter
from governance.requests.models import AccessRequest, RequestDraft
from governance.requests.permissions import DRAFT_CLOSED
from governance.requests.states import DraftState
from governance.web import bases, chains
from governance.web.paging import Keyset
from governance.web.present import all_of
from governance.web.requests import drafts, present
from governance.web.requests.forms import AnswerForm, LikeForm, RequestForm, WithdrawForm, as_id, resumed
from governance.web.search import said


class RequestNew(bases.FormPage):
    """Asking for access. `step` says which button was pressed: `keep` puts the form aside, only `send` files it."""

    template_name = "requests/new.html"
    form_class = RequestForm

    def form(self, data: Any = None) -> RequestForm:
        """The form with what this actor may choose."""
        return RequestForm(data, actor=self.actor, now=self.now)

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The empty form, or one that was put aside."""
        if "draft" not in request.GET:
            return super().get(request, **where)
        pk = as_id(request.GET["draft"])
        kept = self._kept().filter(pk=pk).first() if pk else None
        if kept is None:
            raise NotFound
        return self.show(self.form(resumed(kept, self.actor)), checking=True)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """File the requests, put the form aside, or draw it again with what was searched for or is to be checked."""
        try:
            match request.POST.get("step"):
                case "search" | "preview":
                    return self.show(self.form(request.POST), checking=True)
                case "keep":
                    return self._keep(self.form(request.POST))
            return super().post(request, **where)
        except Conflict as refusal:
            if refusal.code != DRAFT_CLOSED:
                raise
            return self._apart(refusal)

    def _apart(self, refusal: Conflict) -> HttpResponse:
        """The form with all that was written, which is no draft any more: that was closed elsewhere meanwhile."""
        data = self.request.POST.copy()
        data.pop("draft", None)
        form = _without_errors(self.form(data))
        form.add_error(None, f"{refusal.message} What you have written is still here: send it, or save it anew.")
        return self.show(form, status=HTTPStatus.CONFLICT)

    def _keep(self, form: RequestForm) -> HttpResponse:
        try:
            kept = actions.keep_draft(
                content=form.content(), draft_id=as_id(form.said("draft")), actor=self.actor, now=self.now
            )
        except Invalid as refusal:
            form = _without_errors(form)
            form.add_error(None, str(refusal))
            return self.show(form, status=bases.UNPROCESSABLE)
        messages.success(self.request, "The draft is saved. Nobody else sees it.")
        return redirect(f"{reverse('request-new')}?draft={kept.pk}")

    def act(self, form: RequestForm) -> HttpResponse:
        """File it and go to it, or to the list where it asks for several."""
        draft_id = form.cleaned_data["draft"]
        filed = actions.submit_all(drafts=form.drafts(), draft_id=draft_id, actor=self.actor, now=self.now)
        if len(filed) > 1:
            messages.success(self.request, f"{all_of([str(one) for one in filed])} are filed.")
            return redirect("request-list")
        messages.success(self.request, f"{filed[0]} is filed.")
        return redirect("request-detail", pk=filed[0].pk)

    def _kept(self) -> "QuerySet[RequestDraft]":
        return permissions.visible_drafts(self.actor).filter(state=DraftState.KEPT).order_by("-saved_at")

    def show(self, form: RequestForm, *, status: int = 200, checking: bool = False) -> HttpResponse:
        """The four clauses and the draft. A search shows no errors: the form is not finished yet."""
        words = said(self.request.POST)
        draft = drafts.lease(form, self.actor, self.now)
        why = drafts.suggested(form, self.actor, self.now)
        context = {
            "q": words or "",
            "beneficiaries": drafts.beneficiaries(form, self.actor),
            "catalog": drafts.catalog(form, words, why),
            "bundles": drafts.bundles(form, why),
            "purposes": drafts.purposes(form, self.now),
            "fitting": drafts.fitting(form),
            "terms": drafts.term_choices(form, self.now),
            "draft": draft,
            "kept": present.kept(self._kept()),
            "resumed": form.said("draft"),
            "term_hint": drafts.term_hint(form, draft, self.now),
        }
        return self.draw({**context, "form": _without_errors(form) if checking else form}, status=status)


def _without_errors(form: RequestForm) -> RequestForm:
    form.errors.clear()
    return form


class RequestPreview(bases.Page):
    """The draft lease of a form that is being written, as a fragment. Nothing is stored."""

    http_method_names = bases.SENDS
    template_name = "requests/_preview.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """The draft, the purposes that fit once other access is ticked, and the catalog of another holder."""
        form = RequestForm(request.POST, actor=self.actor, now=self.now)
        fitting = drafts.fitting(form)
        before, now = request.POST.get("catalog_for", drafts.holder(form)), drafts.holder(form)
        moved = before != now
        fresh = fitting != request.POST.get("fitting", "") or drafts.whom(before) != drafts.whom(now)
        draft = drafts.lease(form, self.actor, self.now)
        why = drafts.suggested(form, self.actor, self.now) if moved else {}
        context = {
            "draft": draft,
            "term_hint": drafts.term_hint(form, draft, self.now),
            "purposes": drafts.purposes(form, self.now) if fresh else [],
            "fitting": fitting,
            "fresh": fresh,
            "catalog": drafts.catalog(form, said(request.POST), why) if moved else None,
            "bundles": drafts.bundles(form, why) if moved else [],
        }
        return self.draw({**context, "form": _without_errors(form)})


class RequestCatalog(bases.Page):
    """What matches a search of the catalog, as a fragment."""

    http_method_names = bases.READS
    template_name = "requests/_catalog.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The lines for the form so far, which stands in the address."""
        form = RequestForm(request.GET, actor=self.actor, now=self.now)
        words = said(request.GET)
        why = {} if words else drafts.suggested(form, self.actor, self.now)
        return self.draw({"catalog": drafts.catalog(form, words, why)})


class RequestLike(bases.Page):
    """What a colleague holds and somebody one may ask for does not: to be taken into a request."""

    http_method_names = bases.READS
    template_name = "requests/like.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The two to choose, and what the one has before the other."""
        form = LikeForm(request.GET or None, actor=self.actor, now=self.now)
        return self.draw({"form": form, "found": present.likeness(form, self.actor, self.now)})


class DraftDiscard(bases.Page):
    """Closing a form that was put aside."""

    http_method_names = bases.SENDS

    def post(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Close it and go back to the form."""
        actions.discard_draft(draft_id=pk, actor=self.actor, now=self.now)
        messages.success(request, "The draft is discarded.")
        return redirect("request-new")


class RequestList(bases.ListPage):
    """Requests by, for or waiting on the actor; all of them for those who oversee."""

    template_name = "requests/list.html"
    title, things = "Requests", "requests"
    filters = RequestFilter
    table = tables.REQUESTS
    keyset = Keyset(("number",))
    empty = "No request yet. Yours appear here once they are sent."

    def visible(self) -> "QuerySet[AccessRequest]":
        """From the permissions of requests."""
        return permissions.visible(self.actor, self.now).with_names()

    def rows(self, found: Sequence[AccessRequest]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.actor)

    def context(self) -> dict[str, Any]:
        """What the list is of."""
        if self.actor.has(*permissions.SEES_ALL):
            return {"lede": "Every request there is or was."}
        return {"lede": "Yours, those for identities that you own, and those you are asked to decide."}


class _Shown(bases.Page):
    """What the pages about one request share."""

    template_name = "requests/detail.html"

    def visible(self) -> "QuerySet[AccessRequest]":
        """From the permissions of requests."""
        items = ("items__entitlement__system", "items__policy_decision", "items__bundle_version__bundle")
        found = permissions.visible(self.actor, self.now).with_names().select_related("renews")
        return found.prefetch_related(*items)

    def shown(self, request: AccessRequest, answer_form: AnswerForm | None = None) -> dict[str, Any]:
        """The request with its route, its chain, and what the actor may do to it."""
        question = queries.open_questions(request).select_related("asked_by").order_by("asked_at").first()
        may_answer = question is not None and permissions.can(self.actor, "answer", request, self.now)
        may_withdraw = permissions.can(self.actor, "withdraw", request, self.now)
        form = answer_form or AnswerForm(initial={"question": question.pk if question else None})
        return {
            "access_request": present.detail(request, question, self.actor, self.now),
            "answer_form": form if may_answer else None,
            "acts": [present.withdrawal(request, WithdrawForm(auto_id="withdraw_%s"), self.actor)]
            if may_withdraw
            else [],
            "chain": chains.links(chain_of_request(request), self.actor, self.now),
        }


class RequestPage(_Shown, bases.DetailPage):
    """One request with its route and what happened."""

    def context(self, found: AccessRequest) -> dict[str, Any]:
        """All that the page shows."""
        return self.shown(found)


class RequestAnswer(_Shown, bases.ActionPage):
    """Answering an approver's question."""

    form_class = AnswerForm

    def act(self, form: AnswerForm) -> HttpResponse:
        """Send the answer; the step goes on."""
        given = form.cleaned_data
        request = actions.answer(
            request_id=self.kwargs["pk"],
            question_id=given["question"],
            text=given["answer"],
            actor=self.actor,
            now=self.now,
        )
        messages.success(self.request, "Your answer is on record. The step goes on.")
        return redirect("request-detail", pk=request.pk)

    def show(self, form: AnswerForm, *, status: int = 200) -> HttpResponse:
        """The request's page, with what is wrong beside the answer."""
        request = bases.found(self.visible(), self.kwargs["pk"])
        if not permissions.can(self.actor, "answer", request, self.now):
            raise Denied(f"Only the requester may answer {request}, and only while it waits.")
        return self.draw(self.shown(request, form), status=status)


class RequestWithdraw(bases.FormPage):
    """Taking a request back."""

    template_name = "requests/withdraw.html"
    form_class = WithdrawForm

    def act(self, form: WithdrawForm) -> HttpResponse:
        """Withdraw it and go back to it."""
        reason = form.cleaned_data["reason"]
        request = actions.withdraw(request_id=self.kwargs["pk"], actor=self.actor, reason=reason, now=self.now)
        messages.success(self.request, f"{request} is withdrawn.")
        return redirect("request-detail", pk=request.pk)

    def show(self, form: WithdrawForm, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        request = bases.found(permissions.visible(self.actor, self.now), self.kwargs["pk"])
        if not permissions.can(self.actor, "withdraw", request, self.now):
            raise Denied(permissions.refusal(self.actor, "withdraw", request, self.now) or f"{request} waits no more.")
        return self.draw({"ending": present.withdrawal(request, form, self.actor), "ref": str(request)}, status=status)
