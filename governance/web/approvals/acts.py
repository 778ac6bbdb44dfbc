"""What else is done with a step: claimed, handed on, reminded of; and the files that decisions on it rest on."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from governance.approvals import actions, permissions, queries
from governance.approvals.models import ApprovalRoute, ApprovalStep
from governance.approvals.states import StepState
from governance.core import files
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.subjects import Description, decidable
from governance.identities.models import Identity
from governance.web import bases
from governance.web.approvals import forms
from governance.web.present import at_minute
from governance.web.shapes import Act

MOST_NEAR = 30


def about(route: ApprovalRoute) -> Description:
    """What the route decides."""
    return decidable(route.subject_kind).describe([route.subject_id])[route.subject_id]


class _OfStep(bases.Page):
    """What the pages about one step share."""

    def step(self) -> ApprovalStep:
        """The step of the address, if the actor may see it. Raises NotFound."""
        visible = permissions.visible(self.actor).select_related("route")
        found: ApprovalStep = bases.found(visible, self.kwargs["pk"])
        return found

    def to_step(self) -> HttpResponse:
        """Back to it."""
        return redirect("approval-detail", pk=self.kwargs["pk"])


class _Mark(_OfStep, bases.ActionPage):
    """A button beside a step."""

    form_class = Form
    action: ClassVar[Any]
    done: ClassVar[str]

    def act(self, _form: Form) -> HttpResponse:
        """Set the mark, or take it off."""
        type(self).action(step_id=self.kwargs["pk"], actor=self.actor, now=self.now)
        messages.success(self.request, self.done)
        return self.to_step()

    def show(self, _form: Form, *, status: int = 200) -> HttpResponse:  # noqa: ARG002 - a button has no fields
        """The step itself."""
        return self.to_step()


class Claim(_Mark):
    """I look at this."""

    action = staticmethod(actions.claim)
    done = "The others who are asked see that you look at this."


class Release(_Mark):
    """I don't, any more."""

    action = staticmethod(actions.release)
    done = "Your mark is taken off."


class ReassignPage(_OfStep, bases.FormPage):
    """Handing a step on."""

    template_name = "approvals/reassign.html"
    form_class = forms.ReassignForm

    def form(self, data: Any = None) -> Form:
        """Who is meant is looked up as things are now."""
        return forms.ReassignForm(data, now=self.now)

    def act(self, form: Form) -> HttpResponse:
        """Ask somebody else, and go back to the inbox."""
        given = form.cleaned_data
        handed = actions.reassign(
            step_id=self.kwargs["pk"],
            taker_id=given["taker"],
            reason=given["reason"],
            actor=self.actor,
            now=self.now,
        )
        messages.success(self.request, f"{handed.taker} is asked in your place, and knows why.")
        return redirect("approval-list")

    def show(self, form: Form, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        step = self.step()
        if step.state != StepState.OPEN:
            raise Conflict(permissions.already(step, self.actor), code="already_decided")
        giver = permissions.decider_for(self.actor, step, self.now)
        refusal = queries.cannot_give(step, giver) if giver else "Only those who are asked hand it on."
        if refusal:
            raise Denied(refusal)
        act = Act(
            id="reassign",
            verb="Hand on",
            title=f"Hand on {about(step.route).reference}",
            text="They are asked in your place, and both of you are told. You decide on nothing of it any more.",
            url=reverse("approval-reassign", args=[step.pk]),
            back=reverse("approval-detail", args=[step.pk]),
            form=form,
            leave="Decide it myself",
        )
        return self.draw({"act": act, "near": self._near()}, status=status)

    def _near(self) -> Sequence[tuple[str, str]]:
        """The people one works with, as names to choose from: address and name."""
        mine = Identity.objects.filter(pk__in=self.actor.identity_ids)
        near = Q(reports__in=mine) | Q(manager__in=mine) | Q(manager__in=mine.values("manager"))
        people = Identity.objects.active(self.now).filter(near).exclude(pk__in=mine).exclude(email="").distinct()
        return list(people.order_by("name").values_list("email", "name")[:MOST_NEAR])


class RemindPage(bases.FormPage):
    """Reminding those who are asked for what one has asked for."""

    template_name = "approvals/remind.html"
    form_class = Form

    def act(self, _form: Form) -> HttpResponse:
        """Remind them, and go back."""
        route = actions.remind(route_id=self.kwargs["pk"], actor=self.actor, now=self.now)
        messages.success(self.request, "They are reminded.")
        what = about(route)
        return redirect(what.url_name, pk=what.url_id)

    def show(self, form: Form, *, status: int = 200) -> HttpResponse:
        """The button, for whoever may press it, and from when on."""
        route, _ = permissions.remindable(self.actor, self.kwargs["pk"], self.now)
        what, since = about(route), queries.remindable_from(route)
        soon = f" You may do so from {at_minute(since)} on." if since and since > self.now else ""
        act = Act(
            id="remind",
            verb="Remind",
            title=f"Remind them of {what.reference}",
            text=f"Everybody who is asked to decide at the moment is told once more. Once a day is enough.{soon}",
            url=reverse("route-remind", args=[route.pk]),
            back=reverse(what.url_name, args=[what.url_id]),
            form=form,
            leave="Wait",
        )
        return self.draw({"act": act, "ref": what.reference}, status=status)


class ProofFile(_OfStep):
    """A file that a decision rests on, for those who may see a step of its route; only ever to be saved."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, decision: UUID, **_where: UUID) -> HttpResponseBase:
        """The file."""
        shown = queries.files_of(self.step().route_id).filter(decision=decision).first()
        if shown is None:
            raise NotFound
        return files.sent(shown)
