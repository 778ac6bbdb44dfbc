"""What confers what, as far as it is known, and saying so by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.access.filters import InclusionFilter
from governance.access.models import Inclusion
from governance.core.errors import NotFound
from governance.evidence import tables
from governance.separation import actions, permissions
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.separation import forms
from governance.web.shapes import Act


@dataclass(frozen=True, slots=True)
class Row:
    """An inclusion as a line."""

    entitlement: str
    conferred: str
    source: str
    seen_at: datetime
    ended_at: datetime | None
    end_url: str


class InclusionList(bases.ListPage):
    """What confers what, newest first."""

    template_name = "separation/inclusions.html"
    title, things = "Inclusions", "inclusions"
    lede = (
        "What holding one entitlement gives besides: nested groups, inherited roles. Separation is judged by all of it."
    )
    filters = InclusionFilter
    table = tables.INCLUSIONS
    keyset = Keyset(("id",))
    empty = "Nothing is known to confer anything else."

    def visible(self) -> "QuerySet[Inclusion]":
        """From the permissions of separation."""
        return permissions.visible_inclusions(self.actor).select_related("entitlement__system", "conferred__system")

    def rows(self, found: Sequence[Inclusion]) -> list[Row]:
        """As lines."""
        may = permissions.can_change(self.actor)
        return [
            Row(
                str(one.entitlement),
                str(one.conferred),
                one.source,
                one.seen_at,
                one.ended_at,
                reverse("inclusion-end", args=[one.pk]) if may and one.ended_at is None else "",
            )
            for one in found
        ]

    def context(self) -> dict[str, Any]:
        """Whether the visitor says what confers what."""
        return {"may_change": permissions.can_change(self.actor)}


class _ChangePage(bases.FormPage):
    """A form that administrators alone may fill in."""

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The form. Raises NotFound, Denied."""
        self._allow()
        return super().get(request, **where)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Act, or show what is wrong. Raises NotFound, Denied."""
        self._allow()
        return super().post(request, **where)

    def _allow(self) -> None:
        if not self.actor.has(*permissions.SEES_ALL):
            raise NotFound
        permissions.require_change(self.actor)


class NewInclusion(_ChangePage):
    """Saying by hand what confers what."""

    template_name = "separation/form.html"
    form_class = forms.InclusionForm

    def act(self, form: Any) -> HttpResponse:
        """Keep it."""
        why = form.cleaned_data["reason"]
        made = actions.enter_inclusion(**form.pair(), actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"{made}. All live access is scanned now.")
        return redirect("inclusion-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        return self.draw({"form": form, "title": "What confers what", "back": reverse("inclusion-list")}, status=status)


class EndInclusion(_ChangePage):
    """Saying that an inclusion stands no more."""

    template_name = "separation/decide.html"
    form_class = forms.NeededForm

    def act(self, form: Form) -> HttpResponse:
        """End it."""
        why = form.cleaned_data["reason"]
        actions.end_inclusion(inclusion_id=self.kwargs["pk"], actor=self.actor, why=why, now=self.now)
        messages.success(self.request, "The inclusion has ended. All live access is scanned now.")
        return redirect("inclusion-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        rows = permissions.visible_inclusions(self.actor).filter(ended_at__isnull=True)
        found: Inclusion = bases.found(
            rows.select_related("entitlement__system", "conferred__system"), self.kwargs["pk"]
        )
        text = "Access is judged without it from now on. If the system still has it, the next reading brings it back."
        here, up = self.request.path, reverse("inclusion-list")
        act = Act("end", "End it", f"{found} no more", text, here, up, form, "danger", "Back")
        return self.draw({"act": act, "ref": str(found), "parent": "Inclusions", "up": up}, status=status)
