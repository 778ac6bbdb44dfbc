"""Replays: beginning one, and what it has found so far."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from governance.analysis import actions, permissions
from governance.analysis.filters import FindingFilter
from governance.analysis.models import Finding, Replay
from governance.analysis.states import ReplayState
from governance.evidence import tables
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.policy import present
from governance.web.policy.forms import ReplayForm, StopForm
from governance.web.policy.found import version_of


class ReplayNew(bases.FormPage):
    """Beginning to hold a version against the past."""

    template_name = "policy/propose.html"
    form_class = ReplayForm

    def act(self, form: ReplayForm) -> HttpResponse:
        """Begin, and go to what is found."""
        version, days = version_of(self), form.cleaned_data["days"]
        replay = actions.start(version_id=version.pk, days=days, actor=self.actor, now=self.now)
        return redirect("replay-detail", pk=replay.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied."""
        version = version_of(self)
        permissions.version(self.actor, version.pk, self.now)
        act = present.replaying(version, form)
        return self.draw({"act": act, "rule": version.rule, "version": version}, status=status)


class ReplayPage(bases.ListPage):
    """One replay: how far it has come, in figures, and whose verdict would differ."""

    template_name = "policy/replay.html"
    title, things, order = "Replay", "findings", "in the order in which they were found"
    filters = FindingFilter
    table = tables.FINDINGS
    keyset = Keyset(("number",), descending=False)
    empty = "No verdict would differ."

    def get(self, request: HttpRequest, **_where: Any) -> HttpResponseBase:
        """The replay with one page of its findings, or all of them as a file. Raises NotFound."""
        visible = permissions.visible(self.actor).select_related("version__rule", "progress")
        self.replay: Replay = bases.found(visible, self.kwargs["pk"])
        return super().get(request)

    def visible(self) -> "QuerySet[Finding]":
        """From the permissions of analysis."""
        return permissions.findings(self.actor).filter(replay=self.replay)

    def rows(self, found: Sequence[Finding]) -> list[present.FindingRow]:
        """As lines."""
        return [present.finding(one) for one in found]

    def context(self) -> dict[str, Any]:
        """How far it has come, in figures."""
        running = self.replay.state == ReplayState.RUNNING
        may_stop = running and permissions.can(self.actor, "stop")
        empty = "Nothing found yet." if running else self.empty
        stop = [present.stopping(self.replay, StopForm(auto_id="stop_%s"))] if may_stop else []
        shown = {"title": f"Replay of {self.replay.version}", "acts": stop}
        filtered = self.filters(self.request.GET).form.has_changed()
        return {"replay": present.replay(self.replay), **shown, **({} if filtered else {"empty": empty})}


class ReplayStop(bases.FormPage):
    """Ending a replay before it has read everything."""

    template_name = "policy/propose.html"
    form_class = StopForm

    def act(self, form: StopForm) -> HttpResponse:
        """Stop it."""
        reason = form.cleaned_data["reason"]
        actions.stop(replay_id=self.kwargs["pk"], actor=self.actor, reason=reason, now=self.now)
        messages.success(self.request, "The replay is stopped. What it has found is kept.")
        return redirect("replay-detail", pk=self.kwargs["pk"])

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        replay = permissions.stoppable(self.actor, self.kwargs["pk"])
        act = present.stopping(replay, form)
        version = replay.version
        return self.draw({"act": act, "rule": version.rule, "version": version}, status=status)
