"""Break-glass: taking access at once, the list, one with what is to be done about it, and how often it happens."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.break_glass import actions, permissions, queries
from governance.break_glass.filters import GlassFilter
from governance.break_glass.models import BreakGlass, Exposure
from governance.core.errors import Conflict, Denied, Invalid, NotFound
from governance.evidence.break_glass import BREAK_GLASS
from governance.identities.models import Identity
from governance.web import bases
from governance.web.emergency import forms, present
from governance.web.paging import Keyset
from governance.web.periods import PeriodForm

GONE: Final = "No active emergency justifies this for you any more."


class GlassList(bases.ListPage):
    """What was taken at once by the actor, in what they own, or with their being told; all for those who oversee."""

    template_name = "emergency/list.html"
    title, things = "Break-glass", "break-glass"
    lede = "Access that somebody took at once in an emergency, and whether it is accounted for."
    filters = GlassFilter
    table = BREAK_GLASS
    keyset = Keyset(("number",))
    empty = "Nobody has broken the glass."

    def visible(self) -> "QuerySet[BreakGlass]":
        """From the permissions of break-glass."""
        return permissions.visible(self.actor, self.now).with_names().prefetch_related("exposures")

    def rows(self, found: Sequence[BreakGlass]) -> list[present.Row]:
        """As lines."""
        return [present.row(glass, self.now) for glass in found]

    def context(self) -> dict[str, Any]:
        """Whether there is a report for the visitor."""
        return {"oversees": self.actor.has(*permissions.SEES_ALL)}


class Take(bases.FormPage):
    """Breaking the glass, for oneself. `step` says which button was pressed: `preview` shows what would follow."""

    template_name = "emergency/take.html"
    form_class = forms.TakeForm

    def form(self, data: Any = None) -> forms.TakeForm:
        """The form with what an emergency justifies to the visitor."""
        holder = Identity.objects.filter(pk=self.actor.identity_id).first() if self.actor.identity_id else None
        reach = queries.within_reach(holder, self.now) if holder else ()
        return forms.TakeForm(
            data,
            [(one.pk, str(one)) for one in reach],
            [(one.pk, str(one)) for one in queries.emergencies(self.now)],
        )

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Take it, or draw the form again with what would follow. Nothing is stored by that."""
        form = self.form(request.POST)
        if request.POST.get("step") != "preview" or not form.is_valid():
            return super().post(request, **where)
        try:
            proposal = actions.preview(draft=form.draft(), actor=self.actor, now=self.now)
        except NotFound:
            form.add_error("entitlement", GONE)
            return self.show(form, status=bases.UNPROCESSABLE)
        return self.show(form, preview=present.preview(proposal, self.now))

    def act(self, form: forms.TakeForm) -> HttpResponse:
        """Take it. What was to be had when the form was opened may be gone."""
        try:
            glass = actions.take(draft=form.draft(), actor=self.actor, now=self.now)
        except NotFound:
            raise Invalid({"entitlement": GONE}) from None
        messages.warning(self.request, f"{glass} is recorded, and everybody who must know has been told.")
        return redirect("break-glass-detail", pk=glass.pk)

    def show(self, form: Any, *, status: int = 200, preview: present.Preview | None = None) -> HttpResponse:
        """The form, with what would follow."""
        context = {"form": form, "title": "Break the glass", "back": reverse("break-glass-list"), "preview": preview}
        return self.draw(context, status=status)


class Report(bases.Page):
    """How often the glass was broken, by person, by system and by emergency."""

    http_method_names = bases.READS
    template_name = "emergency/report.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The figures of the period that is asked for; of the last ninety days where it can't be read."""
        form = PeriodForm(request.GET or None)
        since, until = form.period(self.now)
        found = queries.frequency(permissions.reports(self.actor, self.now), since, until)
        parts = [(heading, found[by]) for by, heading in HEADINGS.items()]
        return self.draw({"form": form, "since": since, "until": until, "parts": parts})


HEADINGS: Final = {"person": "By person", "system": "By system", "purpose": "By emergency"}


class GlassPage(bases.DetailPage):
    """One of them."""

    template_name = "emergency/detail.html"

    def visible(self) -> "QuerySet[BreakGlass]":
        """From the permissions of break-glass."""
        return permissions.visible(self.actor, self.now).with_names()

    def context(self, found: BreakGlass) -> dict[str, Any]:
        """It, what is to be done about it, and what the visitor may do."""
        acts = permissions.acts(self.actor, found, self.now)
        return {
            "glass": present.detail(found, acts, self.now),
            "banner": present.banner(found, self.now),
            "acts": [
                present.acting(found, verb, form(auto_id=f"{verb}_%s")) for verb, form in FORMS.items() if verb in acts
            ],
        }


FORMS: Final[dict[str, type[Form]]] = {
    "stop": forms.StopForm,
    "review": forms.ReviewForm,
    "close": forms.CloseForm,
}


class _ActPage(bases.FormPage):
    """One act on one of them, on a page of its own where there is no script to open a dialog."""

    template_name = "emergency/act.html"
    verb: ClassVar[str]
    done: ClassVar[str]

    @abstractmethod
    def do(self, form: Any) -> BreakGlass:
        """Call the action."""

    def act(self, form: Any) -> HttpResponse:
        """Do it, and go back to it."""
        glass = self.do(form)
        messages.success(self.request, self.done.format(glass))
        return redirect("break-glass-detail", pk=glass.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it now. Raises NotFound, Denied, Conflict."""
        visible = permissions.visible(self.actor, self.now).with_names()
        found: BreakGlass = bases.found(visible, self.kwargs["pk"])
        if reason := permissions.refusal(self.actor, self.verb, found, self.now):
            raise Denied(reason)
        if reason := permissions.obstacle(self.verb, found, self.now):
            raise Conflict(reason)
        return self.draw({"act": present.acting(found, self.verb, form), "ref": str(found)}, status=status)


class Stop(_ActPage):
    """Ending it as security."""

    form_class = forms.StopForm
    verb, done = "stop", "{} is stopped. The removal is verified next."

    def do(self, form: Any) -> BreakGlass:
        """Stop it."""
        reason = form.cleaned_data["reason"]
        return actions.stop(break_glass_id=self.kwargs["pk"], reason=reason, actor=self.actor, now=self.now)


class Review(_ActPage):
    """Writing its review."""

    form_class = forms.ReviewForm
    verb, done = "review", "{} is reviewed."

    def do(self, form: Any) -> BreakGlass:
        """Write it."""
        said = {name: form.cleaned_data[name] for name in ("done", "nothing_exposed")}
        return actions.review(
            break_glass_id=self.kwargs["pk"], exposed=form.exposed(), **said, actor=self.actor, now=self.now
        )


class Close(_ActPage):
    """Closing it."""

    form_class = forms.CloseForm
    verb, done = "close", "{} is closed."

    def do(self, form: Any) -> BreakGlass:
        """Close it."""
        reason = form.cleaned_data["reason"]
        return actions.close(break_glass_id=self.kwargs["pk"], reason=reason, actor=self.actor, now=self.now)


class Rotate(bases.FormPage):
    """Marking a credential as rotated."""

    template_name = "emergency/act.html"
    form_class = forms.RotateForm

    def act(self, form: Any) -> HttpResponse:
        """Mark it."""
        evidence = form.cleaned_data["evidence"]
        done = actions.rotated(exposure_id=self.kwargs["pk"], evidence=evidence, actor=self.actor, now=self.now)
        messages.success(self.request, "It is marked as rotated.")
        return redirect("break-glass-detail", pk=done.break_glass_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it now. Raises NotFound, Denied, Conflict."""
        seen = permissions.visible(self.actor, self.now)
        rows = Exposure.objects.filter(break_glass__in=seen.values("pk"))
        found: Exposure = bases.found(rows.select_related("break_glass"), self.kwargs["pk"])
        glass: BreakGlass = bases.found(seen.with_names(), found.break_glass_id)
        if reason := permissions.refusal(self.actor, "rotate", glass, self.now):
            raise Denied(reason)
        if found.rotated_at is not None:
            raise Conflict(f"{found} is rotated already.")
        return self.draw({"act": present.rotating(found, form), "ref": str(glass)}, status=status)
