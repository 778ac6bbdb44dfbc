"""Delegations: who decides in whose place, letting somebody, and ending it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.approvals import actions, permissions
from governance.approvals.delegating import LONGEST
from governance.approvals.filters import DelegationFilter
from governance.approvals.models import Delegation
from governance.core.errors import Conflict, Denied, Invalid
from governance.evidence import tables
from governance.policy.words import minute
from governance.web import bases, present
from governance.web.approvals.forms import DelegationForm, EndForm
from governance.web.paging import Keyset
from governance.web.shapes import Act, Who


@dataclass(frozen=True, slots=True)
class Row:
    """A delegation as a line; `end_url` is empty for whoever may not end it, and once it is over."""

    delegate: Who
    delegator: Who
    scope: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    note: str
    end_url: str


class DelegationList(bases.ListPage):
    """Who decides in the actor's place, and in whose place the actor does."""

    template_name = "approvals/delegations.html"
    title, things = "Delegations", "delegations"
    lede = (
        "Who decides in whose place, for how long. A delegate decides what both of them could, and each decision names "
        "both."
    )
    filters = DelegationFilter
    table = tables.DELEGATIONS
    keyset = Keyset(("starts_at", "id"))
    empty = "Nobody decides in anybody's place."

    def visible(self) -> "QuerySet[Delegation]":
        """From the permissions of approvals."""
        return permissions.visible_delegations(self.actor).with_names()

    def rows(self, found: Sequence[Delegation]) -> list[Row]:
        """As lines."""
        return [self._row(one) for one in found]

    def _row(self, one: Delegation) -> Row:
        over = one.ends_at <= self.now
        note = "ended" if over else "now" if one.starts_at <= self.now else "to come"
        may = not over and permissions.may_end(self.actor, one)
        return Row(
            delegate=present.who(one.delegate),
            delegator=present.who(one.delegator),
            scope=one.scope,
            reason=one.reason,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            note=f"{note}: {one.end_reason}" if one.end_reason else note,
            end_url=reverse("delegation-end", args=[one.pk]) if may else "",
        )


class NewDelegation(bases.FormPage):
    """Letting somebody decide in one's place."""

    template_name = "approvals/delegate.html"
    form_class = DelegationForm

    def act(self, form: DelegationForm) -> HttpResponse:
        """Delegate, and go to where it stands."""
        try:
            made = actions.delegate(
                delegate_id=form.delegate_id(self.now), terms=form.terms(self.now), actor=self.actor, now=self.now
            )
        except Invalid as refusal:
            raise refusal.renamed({"starts_at": "starts_on", "ends_at": "ends_on"}) from refusal
        messages.success(self.request, f"{made.delegate} decides in your place until {minute(made.ends_at)}.")
        return redirect("delegation-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        context = {"form": form, "title": "Delegate", "longest": LONGEST.days}
        return self.draw({**context, "back": reverse("delegation-list")}, status=status)


class EndDelegation(bases.FormPage):
    """Taking back what one has delegated, or handing back what was delegated to one."""

    template_name = "approvals/end_delegation.html"
    form_class = EndForm

    def act(self, form: Any) -> HttpResponse:
        """End it, and go back to the list."""
        reason = form.cleaned_data["reason"]
        over = actions.end_delegation(delegation_id=self.kwargs["pk"], reason=reason, actor=self.actor, now=self.now)
        messages.success(self.request, f"{over.delegate} no longer decides in the place of {over.delegator}.")
        return redirect("delegation-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        visible = permissions.visible_delegations(self.actor).with_names()
        found: Delegation = bases.found(visible, self.kwargs["pk"])
        if not permissions.may_end(self.actor, found):
            raise Denied(permissions.NOT_THEIRS)
        if found.ends_at <= self.now:
            raise Conflict(f"This delegation ended on {minute(found.ends_at)}.")
        return self.draw({"act": _ending(found, form)}, status=status)


def _ending(delegation: Delegation, form: Any) -> Act:
    return Act(
        id="end",
        verb="End it",
        title=f"End the delegation from {delegation.delegator} to {delegation.delegate}",
        text=f"What waits is asked of {delegation.delegator} again. What was decided stands.",
        url=reverse("delegation-end", args=[delegation.pk]),
        back=reverse("delegation-list"),
        form=form,
        tone="danger",
    )
