"""What has gone stale: the list, one finding, letting it be, and having everything looked at."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.analysis import actions, permissions, queries
from governance.analysis.filters import StaleFilter
from governance.analysis.models import StaleFinding
from governance.analysis.states import SurveyState
from governance.core.actor import Role
from governance.evidence import tables
from governance.web import bases
from governance.web.findings import present
from governance.web.findings.forms import DismissForm, LookForm
from governance.web.paging import Keyset


class FindingList(bases.ListPage):
    """Findings about what the actor answers for; all for those who oversee."""

    template_name = "findings/list.html"
    title, things, order = "Findings", "findings", "the weightiest first"
    lede = "What has gone stale: nobody holds it, uses it or matches it, or somebody holds what their peers don't."
    filters = StaleFilter
    table = tables.STALE_FINDINGS
    keyset = Keyset(("score", "number"))
    empty = "Nothing is stale among what you answer for."

    def visible(self) -> "QuerySet[StaleFinding]":
        """From the permissions of analysis."""
        return permissions.stale(self.actor, self.now).select_related("system", "holder")

    def rows(self, found: Sequence[StaleFinding]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, self.now)

    def context(self) -> dict[str, Any]:
        """How the last survey stands, for those who oversee."""
        oversees = self.actor.has(*permissions.SEES_ALL)
        last = queries.latest_survey() if oversees else None
        running = last is not None and last.state == SurveyState.RUNNING
        may_look = self.actor.has(Role.ADMINISTRATOR) and not running
        return {
            "oversees": oversees,
            "survey": present.survey(last) if last else None,
            "acts": [present.looking(LookForm())] if may_look else [],
            **({"empty": "Nothing is stale."} if oversees and not self.request.GET else {}),
        }


class Look(bases.FormPage):
    """Having everything looked at now."""

    template_name = "findings/act.html"
    form_class = LookForm

    def act(self, _form: LookForm) -> HttpResponse:
        """Begin."""
        survey = actions.start_survey(actor=self.actor, now=self.now)
        messages.success(self.request, f"{survey} has begun. What it finds appears here.")
        return redirect("finding-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied."""
        permissions.require_survey(self.actor)
        return self.draw({"act": present.looking(form), "over": "Findings"}, status=status)


class FindingPage(bases.DetailPage):
    """One finding: why, and what can be done."""

    template_name = "findings/detail.html"

    def visible(self) -> "QuerySet[StaleFinding]":
        """From the permissions of analysis."""
        return permissions.stale(self.actor, self.now).select_related("system", "holder", "survey")

    def context(self, found: StaleFinding) -> dict[str, Any]:
        """All that the page shows."""
        return {"finding": present.detail(found, DismissForm(auto_id="dismiss_%s"), self.actor, self.now)}


class FindingDismiss(bases.FormPage):
    """Letting a finding be for a while."""

    template_name = "findings/act.html"
    form_class = DismissForm

    def act(self, form: DismissForm) -> HttpResponse:
        """Dismiss it."""
        reason, until = form.cleaned_data["reason"], form.until_moment()
        found = actions.dismiss_finding(
            finding_id=self.kwargs["pk"], reason=reason, until=until, actor=self.actor, now=self.now
        )
        messages.success(self.request, f"{found} is dismissed.")
        return redirect("finding-detail", pk=found.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        found = permissions.dismissable_finding(self.actor, self.kwargs["pk"], self.now)
        return self.draw({"act": present.dismissing(found, form), "over": f"{found} {found.subject}"}, status=status)
