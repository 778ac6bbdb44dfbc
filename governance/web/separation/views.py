"""What breaks the separation of duties, and the mitigations that let somebody hold both sides for a while."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.core.errors import Conflict, Denied, NotFound
from governance.evidence import tables
from governance.identities.models import Identity
from governance.separation import actions, permissions
from governance.separation.filters import MitigationFilter, ViolationFilter
from governance.separation.models import Mitigation, SeparationRule, SeparationViolation
from governance.separation.queries import in_force
from governance.separation.states import LONGEST_MITIGATION, STANDING, MitigationState
from governance.web import bases
from governance.web import present as shown
from governance.web.paging import Keyset
from governance.web.separation import forms, present
from governance.web.shapes import Act


class ViolationList(bases.ListPage):
    """What breaks a rule, newest first."""

    template_name = "separation/violations.html"
    title, things = "Separation of duties", "violations"
    lede = "Who holds what rules keep apart, as of the last scan: in effect, whether by a grant or past the portal."
    filters = ViolationFilter
    table = tables.VIOLATIONS
    keyset = Keyset(("number",))
    empty = "Nobody holds what a rule keeps apart."

    def visible(self) -> "QuerySet[SeparationViolation]":
        """From the permissions of separation."""
        return permissions.visible_violations(self.actor, self.now).with_names()

    def rows(self, found: Sequence[SeparationViolation]) -> list[present.Row]:
        """As lines."""
        return [present.row(one) for one in found]


class ViolationPage(bases.DetailPage):
    """One violation: the way to each side, and what mitigates it."""

    template_name = "separation/violation.html"

    def visible(self) -> "QuerySet[SeparationViolation]":
        """From the permissions of separation."""
        return permissions.visible_violations(self.actor, self.now).with_names()

    def context(self, found: SeparationViolation) -> dict[str, Any]:
        """The violation, its ways, its mitigations, and whether the visitor may ask for one."""
        left, right = present.ways(found)
        beside = permissions.visible_mitigations(self.actor, self.now).with_names()
        mitigations = beside.filter(rule=found.rule_id, holder=found.holder).order_by("-number")
        version = in_force(found.rule_id)
        return {
            "violation": present.row(found),
            "reason": version.reason if version else "",
            "rule_url": self._rule_url(found),
            "left": left,
            "right": right,
            "closed_at": found.closed_at,
            "mitigations": [present.mitigation(one, self.now) for one in mitigations],
            "ask_url": self._ask_url(found) if version and found.state in STANDING else "",
        }

    def _rule_url(self, found: SeparationViolation) -> str:
        seen = permissions.visible_rules(self.actor, self.now).filter(pk=found.rule_id).exists()
        return reverse("separation-rule-detail", args=[found.rule_id]) if seen else ""

    def _ask_url(self, found: SeparationViolation) -> str:
        may = permissions.may_ask(self.actor, found.rule_id, found.identity_id, self.now)
        return reverse("mitigation-new", args=[found.rule_id, found.identity_id]) if may else ""


class MitigationList(bases.ListPage):
    """What was asked for, newest first."""

    template_name = "separation/mitigations.html"
    title, things = "Mitigations", "mitigations"
    lede = "Who may hold both sides of a rule for a while, why, and what is done about it meanwhile."
    filters = MitigationFilter
    table = tables.MITIGATIONS
    keyset = Keyset(("number",))
    empty = "No mitigation has been asked for."

    def visible(self) -> "QuerySet[Mitigation]":
        """From the permissions of separation."""
        return permissions.visible_mitigations(self.actor, self.now).with_names()

    def rows(self, found: Sequence[Mitigation]) -> list[present.MitigationRow]:
        """As lines."""
        return [present.mitigation(one, self.now) for one in found]


class MitigationPage(bases.DetailPage):
    """One mitigation, with what can be done to it."""

    template_name = "separation/mitigation.html"

    def visible(self) -> "QuerySet[Mitigation]":
        """From the permissions of separation."""
        return permissions.visible_mitigations(self.actor, self.now).with_names()

    def context(self, found: Mitigation) -> dict[str, Any]:
        """The mitigation and the acts."""
        acts = [
            present.mitigating(found, verb, FORMS[verb](auto_id=f"{verb}_%s"))
            for verb in permissions.acts(self.actor, found, self.now)
        ]
        seen = permissions.visible_rules(self.actor, self.now).filter(pk=found.rule_id).exists()
        row = present.mitigation(found, self.now)
        may_ask = row.overdue and permissions.may_ask(self.actor, found.rule_id, found.identity_id, self.now)
        ask_url = reverse("mitigation-new", args=[found.rule_id, found.identity_id]) if may_ask else ""
        return {"mitigation": row, "acts": acts, "sees_rule": seen, "ask_url": ask_url}


FORMS: dict[str, type[Form]] = {
    "approve": forms.ReasonForm,
    "reject": forms.NeededForm,
    "withdraw": forms.ReasonForm,
    "end": forms.NeededForm,
}


class NewMitigation(bases.FormPage):
    """Asking that somebody may hold both sides of a rule for a while."""

    template_name = "separation/ask.html"
    form_class = forms.MitigationForm

    def act(self, form: Any) -> HttpResponse:
        """Ask for it."""
        said = {name: form.cleaned_data[name] for name in ("reason", "control", "emergency")}
        asked: UUID = self.kwargs["identity"]
        made = actions.propose_mitigation(
            rule_id=self.kwargs["rule"], identity_id=asked, **said, **form.period(), actor=self.actor, now=self.now
        )
        messages.success(self.request, f"{made} is asked for. The rule's owner or security decides.")
        return redirect("mitigation-detail", pk=made.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, with what it is about. Raises NotFound, Denied."""
        rule = SeparationRule.objects.filter(pk=self.kwargs["rule"]).first()
        who = Identity.objects.filter(pk=self.kwargs["identity"]).first()
        version = in_force(rule.pk) if rule else None
        if rule is None or who is None or version is None:
            raise NotFound
        if not permissions.may_ask(self.actor, rule.pk, who.pk, self.now):
            raise (Denied("You do not ask for this.") if self._knows(rule, who) else NotFound())
        longest = LONGEST_MITIGATION[version.severity].days
        shows = {"rule": rule.key, "title": rule.title, "reason": version.reason, "who": shown.who(who)}
        return self.draw({"form": form, **shows, "longest": longest, "back": reverse("violation-list")}, status=status)

    def _knows(self, rule: SeparationRule, who: Identity) -> bool:
        seen = permissions.visible_violations(self.actor, self.now).filter(rule=rule, identity=who).exists()
        return seen or permissions.visible_rules(self.actor, self.now).filter(pk=rule.pk).exists()


class _Decide(bases.FormPage):
    """One act on a mitigation, on a page of its own where there is no script to open a dialog."""

    template_name = "separation/decide.html"
    verb: ClassVar[str]
    done: ClassVar[str]

    def form(self, data: Any = None) -> Form:
        """The form that the act asks for."""
        return FORMS[self.verb](data)

    @abstractmethod
    def decide(self, **asked: Any) -> Mitigation:
        """Call the action."""

    def act(self, form: Form) -> HttpResponse:
        """Do it, and go back to the mitigation."""
        reason = form.cleaned_data["reason"]
        found = self.decide(mitigation_id=self.kwargs["pk"], reason=reason, actor=self.actor, now=self.now)
        messages.success(self.request, self.done.format(found))
        return redirect("mitigation-detail", pk=found.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        visible = permissions.visible_mitigations(self.actor, self.now).with_names()
        found: Mitigation = bases.found(visible, self.kwargs["pk"])
        if reason := permissions.refusal(self.actor, self.verb, found, self.now):
            raise Denied(reason)
        if found.state != (MitigationState.APPROVED if self.verb == "end" else MitigationState.PROPOSED):
            raise Conflict(f"{found} is {found.get_state_display().lower()} already.")
        act: Act = present.mitigating(found, self.verb, form)
        return self.draw(
            {"act": act, "ref": str(found), "parent": "Mitigations", "up": reverse("mitigation-list")}, status=status
        )

    def back(self) -> str:
        """The form itself, which is shown again after a stronger sign-in."""
        return self.request.path


class Approve(_Decide):
    """Letting it cover what it is for."""

    verb, done = "approve", "{} is approved."

    def decide(self, **asked: Any) -> Mitigation:
        """Say yes."""
        return actions.approve_mitigation(**asked)


class Reject(_Decide):
    """Refusing it."""

    verb, done = "reject", "{} is rejected."

    def decide(self, **asked: Any) -> Mitigation:
        """Say no."""
        return actions.reject_mitigation(**asked)


class Withdraw(_Decide):
    """Taking it back."""

    verb, done = "withdraw", "{} is taken back."

    def decide(self, **asked: Any) -> Mitigation:
        """Take it back."""
        return actions.withdraw_mitigation(**asked)


class End(_Decide):
    """Ending it before its time."""

    verb, done = "end", "{} has ended. What it covered is an open violation again."

    def decide(self, **asked: Any) -> Mitigation:
        """End it."""
        return actions.end_mitigation(**asked)
