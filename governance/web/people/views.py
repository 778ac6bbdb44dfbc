"""Feeds of people: the sources, their files with a preview of what they would do, and the yes or no."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.core.errors import Conflict, Denied, NotFound
from governance.evidence import tables
from governance.lifecycle import feeds, permissions, queries, sources
from governance.lifecycle.filters import RunFilter
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import WAITING, RunState
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.people import forms, present
from governance.web.shapes import Act


def _visible(page: bases.Page) -> "QuerySet[FeedRun]":
    """From the permissions of feeds; whoever may not see them finds that there are none."""
    if not permissions.sees_feeds(page.actor):
        raise NotFound
    return permissions.visible_runs(page.actor).select_related("source")


class RunList(bases.ListPage):
    """Every file that was handed in, newest first, and the sources."""

    template_name = "people/list.html"
    title, things = "People", "files"
    lede = "Files that say who joins, changes and leaves. Each is read first, and shows what it would do."
    filters = RunFilter
    table = tables.FEED_RUNS
    keyset = Keyset(("number",))
    empty = "No file has been handed in yet."

    def visible(self) -> "QuerySet[FeedRun]":
        """From the permissions of feeds; without the rejected rows, of which there may be thousands."""
        return _visible(self).defer("rejected")

    def rows(self, found: Sequence[FeedRun]) -> list[present.Row]:
        """As lines."""
        return [present.row(run) for run in found]

    def context(self) -> dict[str, Any]:
        """The sources, and whether the visitor may do something."""
        known = permissions.visible_sources(self.actor).order_by("name")
        return {"sources": [present.source(one) for one in known], "may_run": permissions.runs_feeds(self.actor)}


class RunPage(bases.DetailPage):
    """One file: what it would do or did, and every row that changes nothing."""

    template_name = "people/run.html"

    def visible(self) -> "QuerySet[FeedRun]":
        """From the permissions of feeds."""
        return _visible(self)

    def context(self, found: FeedRun) -> dict[str, Any]:
        """The run, and what can be decided on it."""
        newer = queries.accepted_after(found) if found.state in WAITING else None
        acts = self._acts(found, newer) if permissions.runs_feeds(self.actor) else []
        return {"run": present.detail(found), "banner": present.banner(found, newer), "acts": acts}

    def _acts(self, run: FeedRun, newer: FeedRun | None) -> list[Act]:
        if run.state not in WAITING:
            return []
        discard = present.discarding(run, forms.DecisionForm(auto_id="discard_%s"))
        return [discard] if newer else [present.accepting(run, _decision(run)(auto_id="apply_%s")), discard]


def _decision(run: FeedRun) -> type[Form]:
    return forms.HeldForm if run.state == RunState.HELD else forms.DecisionForm


class Decide(bases.FormPage):
    """A yes or a no on a page of its own, where there is no script to open a dialog."""

    template_name = "people/decide.html"
    done: ClassVar[str]

    def form(self, data: Any = None) -> Form:
        """A held file is applied with a reason alone."""
        return self.form_of(self._run())(data)

    @abstractmethod
    def form_of(self, _run: FeedRun, /) -> type[Form]:
        """Which form the run's state asks for."""

    @abstractmethod
    def decide(self, **asked: Any) -> FeedRun:
        """Call the action."""

    @abstractmethod
    def described(self, run: FeedRun, form: Form) -> Act:
        """The act in words."""

    def act(self, form: Form) -> HttpResponse:
        """Decide and go back to the run."""
        reason = form.cleaned_data["reason"].strip()
        run = self.decide(run_id=self.kwargs["pk"], actor=self.actor, reason=reason, now=self.now)
        messages.success(self.request, self.done.format(run))
        return redirect("feed-run-detail", pk=run.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        run = self._run()
        return self.draw({"act": self.described(run, form), "ref": str(run)}, status=status)

    def _run(self) -> FeedRun:
        run: FeedRun = bases.found(_visible(self), self.kwargs["pk"])
        permissions.require_feeds(self.actor)
        if run.state not in WAITING:
            msg = f"{run} is decided: {run.get_state_display().lower()}."
            raise Conflict(msg)
        return run


class Accept(Decide):
    """Having a file applied."""

    done = "{} is being applied."

    def form_of(self, run: FeedRun, /) -> type[Form]:
        """A held file needs a reason."""
        return _decision(run)

    def decide(self, **asked: Any) -> FeedRun:
        """Say yes."""
        return feeds.accept(**asked)

    def described(self, run: FeedRun, form: Form) -> Act:
        """What applying it does."""
        return present.accepting(run, form)


class Discard(Decide):
    """Having a file not applied."""

    done = "{} is discarded. Nothing has changed."

    def form_of(self, _run: FeedRun, /) -> type[Form]:
        """A reason may be given."""
        return forms.DecisionForm

    def decide(self, **asked: Any) -> FeedRun:
        """Say no."""
        return feeds.discard(**asked)

    def described(self, run: FeedRun, form: Form) -> Act:
        """What discarding it does."""
        return present.discarding(run, form)


class _AdministratorPage(bases.FormPage):
    """A form that administrators alone may fill in."""

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The form. Raises NotFound, Denied."""
        permissions.require_feeds(self.actor)
        return super().get(request, **where)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Act, or show what is wrong. Raises NotFound, Denied."""
        permissions.require_feeds(self.actor)
        return super().post(request, **where)


class HandIn(_AdministratorPage):
    """Handing a file in: it is read and shown, and changes nothing yet."""

    template_name = "people/hand_in.html"
    form_class = forms.FileForm

    def form(self, data: Any = None) -> Form:
        """The form with the sources there are."""
        files = self.request.FILES if data is not None else None
        return forms.FileForm(data, files, sources=permissions.visible_sources(self.actor).order_by("name"))

    def act(self, form: Any) -> HttpResponse:
        """Read the file and go to its preview."""
        file = form.cleaned_data["file"]
        run = feeds.read_file(
            source_id=form.cleaned_data["source"].pk,
            file_name=file.name,
            content=file.read(),
            actor=self.actor,
            now=self.now,
            strict=form.cleaned_data["strict"],
        )
        return redirect("feed-run-detail", pk=run.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        return self.draw({"form": form}, status=status)


class NewSource(_AdministratorPage):
    """Defining a source: whoever does owns it."""

    template_name = "people/source.html"
    form_class = forms.SourceForm

    def act(self, form: Any) -> HttpResponse:
        """Define it."""
        if self.actor.identity_id is None:
            raise Denied("Whoever defines a source owns it, and so needs an identity.")
        made = sources.define_source(
            definition=form.definition(), owner_id=self.actor.identity_id, actor=self.actor, now=self.now
        )
        messages.success(self.request, f"{made} is defined. Its files can be handed in.")
        return redirect("feed-run-list")

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        context = {"form": form, "title": "New source", "back": reverse("feed-run-list"), "may_change": True}
        return self.draw(context, status=status)


class ChangeSource(bases.FormPage):
    """One source as it is read, and the form that has it read otherwise."""

    template_name = "people/source.html"
    form_class = forms.ChangeForm

    def form(self, data: Any = None) -> Form:
        """The source as it is, or what was sent."""
        form = forms.ChangeForm(data, initial=forms.initial(self._source()))
        if not permissions.runs_feeds(self.actor):
            for field in form.fields.values():
                field.disabled = True
        form.fields["key"].disabled = True
        return form

    def act(self, form: Any) -> HttpResponse:
        """Change it. Raises Denied."""
        changed = sources.change_source(
            source_id=self.kwargs["pk"],
            definition=form.definition(),
            actor=self.actor,
            reason=form.cleaned_data["reason"],
            now=self.now,
        )
        messages.success(self.request, f"{changed} is changed. Its next file is read so.")
        return redirect("source-detail", pk=changed.pk)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Change it, or show what is wrong. Raises NotFound, Denied."""
        permissions.require_feeds(self.actor)
        return super().post(request, **where)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, to be read alone by those who may not change it."""
        source = self._source()
        may_change = permissions.runs_feeds(self.actor)
        context = {"form": form, "title": source.name, "back": reverse("feed-run-list"), "may_change": may_change}
        return self.draw(context, status=status)

    def _source(self) -> Source:
        if not permissions.sees_feeds(self.actor):
            raise NotFound
        visible = permissions.visible_sources(self.actor).select_related("external_purpose")
        source: Source = bases.found(visible, self.kwargs["pk"])
        return source
