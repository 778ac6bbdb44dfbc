"""People's tasks on systems that no program reaches: what waits, one in full, its evidence, and the three acts."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from governance.core import files
from governance.evidence import tables
from governance.provisioning import actions, permissions
from governance.provisioning.filters import ManualTaskFilter
from governance.provisioning.models import ManualTask
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.present import counted
from governance.web.tasks import forms, present

Forms = dict[str, Form]


class TaskList(bases.ListPage):
    """Tasks that the actor has or oversees, the soonest due first."""

    template_name = "tasks/list.html"
    title, things, order = "Tasks", "tasks", "the soonest due first"
    filters = ManualTaskFilter
    table = tables.MANUAL_TASKS
    keyset = Keyset(("due_at", "id"), descending=False)
    empty = "No task is yours to see. Work on systems that no program reaches appears here."

    def visible(self) -> "QuerySet[ManualTask]":
        """From the permissions of provisioning."""
        return permissions.visible(self.actor, self.now).with_names()

    def rows(self, found: Sequence[ManualTask]) -> list[present.Row]:
        """As lines, those marked that wait for the actor."""
        waiting = permissions.waiting_for(self.actor, self.now)
        yours = set(waiting.filter(pk__in=[task.pk for task in found]).values_list("pk", flat=True))
        return [present.row(task, yours, self.now) for task in found]

    def context(self) -> dict[str, Any]:
        """How much waits for the actor."""
        do = permissions.to_do(self.actor, self.now).count()
        confirm = permissions.to_confirm(self.actor, self.now).count()
        waiting = f"{counted(do, 'task')} to do, {confirm:,} to confirm, by you."
        return {"lede": waiting if do or confirm else "Nothing waits for you to do or to confirm."}


class _Task(bases.Page):
    """One task in full."""

    template_name = "tasks/detail.html"

    def task(self) -> ManualTask:
        """The task of the address, if the actor may see it. Raises NotFound."""
        visible = permissions.visible(self.actor, self.now).with_names()
        found: ManualTask = bases.found(visible, self.kwargs["pk"])
        return found

    def page(self, given: Forms | None = None) -> dict[str, Any]:
        """The task with the forms that the actor may send."""
        task = self.task()
        made = {"do": forms.DoneForm(), "confirm": forms.ConfirmForm(), **(given or {})}
        offered = {verb: form for verb, form in made.items() if permissions.can(self.actor, verb, task, self.now)}
        return {
            "task": present.detail(task, self.actor, self.now),
            "banner": present.banner(task, self.now),
            "forms": offered,
        }


class TaskPage(_Task):
    """One task: what is to be done, what was done, and by whom."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, **_where: UUID) -> HttpResponse:
        """The page."""
        return self.draw(self.page())


class _Act(_Task, bases.ActionPage):
    """One act on a task."""

    verb: ClassVar[str]

    def show(self, form: Form, *, status: int = 200) -> HttpResponse:
        """The task again, with what is wrong beside the fields."""
        return self.draw(self.page({self.verb: form}), status=status)

    def done(self, text: str) -> HttpResponse:
        """Say what follows, and go back to the task."""
        messages.success(self.request, text)
        return redirect("task-detail", pk=self.kwargs["pk"])


class Done(_Act):
    """It is done, and this shows it."""

    form_class = forms.DoneForm
    verb = "do"

    def form(self, data: Any = None) -> Form:
        """With the file that was sent."""
        return self.form_class(data, self.request.FILES)

    def act(self, form: Form) -> HttpResponse:
        """Keep the evidence, and ask for the confirmation."""
        actions.do_by_hand(
            manual_id=self.kwargs["pk"],
            report=form.cleaned_data["report"],
            evidence=form.cleaned_data["evidence"],
            actor=self.actor,
            now=self.now,
        )
        return self.done("It is on record. Somebody else confirms it next.")


class Confirm(_Act):
    """Somebody else has done it, and it is as it should be."""

    form_class = forms.ConfirmForm
    verb = "confirm"

    def act(self, form: Form) -> HttpResponse:
        """Record the confirmation."""
        actions.confirm_by_hand(
            manual_id=self.kwargs["pk"], judgement=form.cleaned_data["judgement"], actor=self.actor, now=self.now
        )
        return self.done("Your confirmation is on record. It stands for reading the system back.")


class SendBack(_Act):
    """It is not as it should be."""

    form_class = forms.SendBackForm
    verb = "confirm"

    def act(self, form: Form) -> HttpResponse:
        """Have it done again."""
        actions.send_back(
            manual_id=self.kwargs["pk"], judgement=form.cleaned_data["judgement"], actor=self.actor, now=self.now
        )
        return self.done("It is sent back, with your words.")


class EvidenceFile(_Task):
    """A file that was given as evidence, only ever to be saved: a browser must not run what somebody has uploaded."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, evidence: UUID, **_where: UUID) -> HttpResponseBase:
        """The file, for those who may see the task."""
        shown = bases.found(self.task().files.all(), evidence)
        return files.sent(shown)
