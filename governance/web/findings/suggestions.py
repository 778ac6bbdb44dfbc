"""Roles that access has already, suggested as bundles: the list, one of them, and letting it be."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.analysis import actions, permissions
from governance.analysis.filters import SuggestionFilter
from governance.analysis.models import RoleSuggestion
from governance.evidence import tables
from governance.web import bases
from governance.web.findings import present
from governance.web.findings.forms import DismissForm
from governance.web.paging import Keyset


class SuggestionList(bases.ListPage):
    """Suggestions, for those who oversee; nobody else finds any."""

    template_name = "findings/suggestions.html"
    title, things, order = "Suggested roles", "suggestions", "those that explain most first"
    lede = "Sets of entitlements that many hold already, and that are no bundle yet. Nothing is given by a suggestion."
    filters = SuggestionFilter
    table = tables.ROLE_SUGGESTIONS
    keyset = Keyset(("covered", "number"))
    empty = "No role was found that is not a bundle already."

    def visible(self) -> "QuerySet[RoleSuggestion]":
        """From the permissions of analysis."""
        return permissions.suggestions(self.actor)

    def rows(self, found: Sequence[RoleSuggestion]) -> list[present.SuggestionRow]:
        """As lines."""
        return present.suggestion_rows(found, self.actor, self.now)


class SuggestionPage(bases.DetailPage):
    """One suggestion: what it holds, who holds it, how well it fits."""

    template_name = "findings/suggestion.html"

    def visible(self) -> "QuerySet[RoleSuggestion]":
        """From the permissions of analysis."""
        return permissions.suggestions(self.actor).select_related("survey")

    def context(self, found: RoleSuggestion) -> dict[str, Any]:
        """All that the page shows."""
        return {"suggestion": present.suggestion(found, DismissForm(auto_id="dismiss_%s"), self.actor, self.now)}


class SuggestionDismiss(bases.FormPage):
    """Letting a suggestion be for a while."""

    template_name = "findings/act.html"
    form_class = DismissForm

    def act(self, form: DismissForm) -> HttpResponse:
        """Dismiss it."""
        reason, until = form.cleaned_data["reason"], form.until_moment()
        found = actions.dismiss_suggestion(
            suggestion_id=self.kwargs["pk"], reason=reason, until=until, actor=self.actor, now=self.now
        )
        messages.success(self.request, f"{found} is dismissed.")
        return redirect("suggestion-detail", pk=found.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        found = permissions.dismissable_suggestion(self.actor, self.kwargs["pk"])
        return self.draw({"act": present.dismissing(found, form), "over": str(found)}, status=status)
