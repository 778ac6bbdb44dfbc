"""Proposed changes: the list, one of them with its route, taking it back and answering a question about it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.changes import actions, permissions, queries
from governance.changes.filters import ChangeFilter
from governance.changes.models import ProposedChange
from governance.core.errors import Denied
from governance.evidence import tables
from governance.web import bases
from governance.web.changes import present
from governance.web.changes.forms import AnswerForm, WithdrawForm
from governance.web.paging import Keyset


class ChangeList(bases.ListPage):
    """Changes that the actor proposed, decides or is concerned by; all of them for those who oversee."""

    template_name = "changes/list.html"
    title, things = "Changes", "changes"
    lede = "What somebody wants to be otherwise in the catalog, the purposes and the rules, and what became of it."
    filters = ChangeFilter
    table = tables.CHANGES
    keyset = Keyset(("number",))
    empty = "No change was proposed yet. Those that concern you appear here."

    def visible(self) -> "QuerySet[ProposedChange]":
        """From the permissions of changes."""
        return permissions.visible(self.actor, self.now).select_related("proposer")

    def rows(self, found: Sequence[ProposedChange]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.actor)


class _Shown(bases.Page):
    """What the pages about one change share."""

    template_name = "changes/detail.html"

    def visible(self) -> "QuerySet[ProposedChange]":
        """From the permissions of changes."""
        return permissions.visible(self.actor, self.now).select_related("proposer")

    def shown(self, change: ProposedChange, answer_form: AnswerForm | None = None) -> dict[str, Any]:
        """The change with its route, and what the actor may do to it."""
        question = queries.open_questions([change.pk]).first()
        may_answer = question is not None and permissions.can(self.actor, "answer", change)
        may_withdraw = permissions.can(self.actor, "withdraw", change)
        form = answer_form or AnswerForm(initial={"question": question.pk if question else None})
        return {
            "change": present.detail(change, question, self.actor, self.now),
            "answer_form": form if may_answer else None,
            "acts": [present.withdrawal(change, WithdrawForm(auto_id="withdraw_%s"))] if may_withdraw else [],
        }


class ChangePage(_Shown, bases.DetailPage):
    """One change: before and after, and who decides."""

    def context(self, found: ProposedChange) -> dict[str, Any]:
        """All that the page shows."""
        return self.shown(found)


class ChangeAnswer(_Shown, bases.ActionPage):
    """Answering an approver's question."""

    form_class = AnswerForm

    def act(self, form: AnswerForm) -> HttpResponse:
        """Send the answer; the step goes on."""
        given = form.cleaned_data
        change = actions.answer(
            change_id=self.kwargs["pk"],
            question_id=given["question"],
            text=given["answer"],
            actor=self.actor,
            now=self.now,
        )
        messages.success(self.request, "Your answer is on record. The step goes on.")
        return redirect("change-detail", pk=change.pk)

    def show(self, form: AnswerForm, *, status: int = 200) -> HttpResponse:
        """The change's page, with what is wrong beside the answer."""
        change = bases.found(self.visible(), self.kwargs["pk"])
        if not permissions.can(self.actor, "answer", change):
            raise Denied(f"Only whoever proposed {change} may answer, and only while it waits.")
        return self.draw(self.shown(change, form), status=status)


class ChangeWithdraw(bases.FormPage):
    """Taking a change back."""

    template_name = "changes/withdraw.html"
    form_class = WithdrawForm

    def act(self, form: WithdrawForm) -> HttpResponse:
        """Withdraw it and go back to it."""
        reason = form.cleaned_data["reason"]
        change = actions.withdraw(change_id=self.kwargs["pk"], actor=self.actor, reason=reason, now=self.now)
        messages.success(self.request, f"{change} is withdrawn.")
        return redirect("change-detail", pk=change.pk)

    def show(self, form: WithdrawForm, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        change = bases.found(permissions.visible(self.actor, self.now), self.kwargs["pk"])
        if not permissions.can(self.actor, "withdraw", change):
            raise Denied(f"Only whoever proposed {change} may withdraw it, and only while it waits.")
        return self.draw({"ending": present.withdrawal(change, form), "ref": str(change)}, status=status)
