"""Rules of separation: what they say, who puts them in force, and all of them as a matrix."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.changes.actions import proposable
from governance.changes.kinds import kind_of
from governance.changes.models import ProposedChange
from governance.changes.permissions import visible as visible_changes
from governance.changes.separation_rules import SeparationPublish, SeparationRetire
from governance.changes.states import ChangeState
from governance.core.errors import NotFound
from governance.evidence import tables
from governance.identities.queries import owners
from governance.identities.states import OwnerRole
from governance.separation import actions, permissions
from governance.separation.filters import RuleFilter
from governance.separation.models import SeparationRule, SeparationRuleVersion
from governance.separation.states import VersionState
from governance.web import bases
from governance.web.changes.forms import ProposalForm
from governance.web.changes.propose import ProposePage
from governance.web.paging import Keyset
from governance.web.present import all_of
from governance.web.purposes.present import Line
from governance.web.separation import forms, present
from governance.web.shapes import Act


def _visible(page: bases.Page) -> "QuerySet[SeparationRule]":
    return permissions.visible_rules(page.actor, page.now)


def _owners(page: bases.Page, rules: Sequence[SeparationRule]) -> dict[Any, str]:
    """Who answers for each rule, by name."""
    found = owners([(rule.NOUN, rule.pk) for rule in rules], page.now)
    return {pk: all_of([one.name for one in roles.get(OwnerRole.OWNER, [])]) for (_, pk), roles in found.items()}


class RuleList(bases.ListPage):
    """Every rule, by key."""

    template_name = "separation/rules.html"
    title, things, order = "Rules of separation", "rules", "by key"
    lede = "What nobody may hold together, in effect and through whatever confers it."
    filters = RuleFilter
    table = tables.SEPARATION_RULES
    keyset = Keyset(("key",), descending=False)
    empty = "Nothing is kept apart yet. A rule names two sets of entitlements."

    def visible(self) -> "QuerySet[SeparationRule]":
        """From the permissions of separation."""
        return _visible(self).prefetch_related("versions__members__entitlement__system")

    def rows(self, found: Sequence[SeparationRule]) -> list[present.RuleRow]:
        """As lines."""
        return present.rule_rows(found, _owners(self, found))

    def context(self) -> dict[str, Any]:
        """Whether the visitor makes rules."""
        return {"may_change": permissions.can_change(self.actor)}


class Matrix(bases.Page):
    """All that is kept apart, entitlement by entitlement."""

    http_method_names = bases.READS
    template_name = "separation/matrix.html"

    def get(self, _request: HttpRequest) -> HttpResponse:
        """The rules in force that the visitor may see. Raises NotFound for whoever may see none."""
        if not permissions.sees_rules(self.actor, self.now):
            raise NotFound
        return self.draw({"grid": present.matrix(_visible(self))})


class RulePage(bases.DetailPage):
    """One rule with all that it has said."""

    template_name = "separation/rule.html"

    def visible(self) -> "QuerySet[SeparationRule]":
        """From the permissions of separation."""
        return _visible(self)

    def context(self, found: SeparationRule) -> dict[str, Any]:
        """The rule, its versions, its violations, and what can be done to it."""
        (row,) = present.rule_rows([found], _owners(self, [found]))
        may, waiting = permissions.can_change(self.actor), self._waiting(found)
        return {
            "rule": row,
            "versions": present.versions(found),
            "changes": [_line(change) for change in waiting],
            "acts": self._acts(found, waiting) if may else [],
            "draft_url": reverse("separation-rule-draft", args=[found.pk]) if may else "",
        }

    def _waiting(self, rule: SeparationRule) -> list[ProposedChange]:
        """What is proposed of it, as far as the visitor may see that."""
        proposed = visible_changes(self.actor, self.now).filter(state=ChangeState.PROPOSED)
        of_rule = proposed.filter(subject_kind=SeparationRuleVersion.NOUN, subject_id__in=rule.versions.values("pk"))
        return list(of_rule.order_by("number"))

    def _acts(self, rule: SeparationRule, waiting: Sequence[ProposedChange]) -> list[Act]:
        """What can be done now: nothing is proposed twice."""
        standing = {one.state: one for one in rule.versions.select_related("rule")}
        proposed = {(change.kind, change.subject_id) for change in waiting}
        return [
            present.version_act(standing[state], verb, form(auto_id=f"{verb}_%s"))
            for verb, (state, form, kind) in ACTS.items()
            if state in standing and (kind, standing[state].pk) not in proposed
        ]


def _line(change: ProposedChange) -> Line:
    """What waits for its decision, with its page."""
    return Line(str(change), kind_of(change.kind).title, reverse("change-detail", args=[change.pk]))


ACTS: Mapping[str, tuple[VersionState, type[Form], str]] = {
    "in-force": (VersionState.DRAFT, ProposalForm, SeparationPublish.name),
    "discard": (VersionState.DRAFT, forms.NeededForm, ""),
    "retire": (VersionState.IN_FORCE, ProposalForm, SeparationRetire.name),
}
"""The state that a version has to be in, the form, and the kind of change that is proposed; none where it is done."""


class _ChangePage(bases.FormPage):
    """A form that administrators alone may fill in."""

    template_name = "separation/form.html"

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The form. Raises NotFound, Denied."""
        self.allow()
        return super().get(request, **where)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Act, or show what is wrong. Raises NotFound, Denied."""
        self.allow()
        return super().post(request, **where)

    def allow(self) -> None:
        """Raise NotFound for strangers, Denied for who may only look."""
        if not permissions.sees_rules(self.actor, self.now):
            raise NotFound
        permissions.require_change(self.actor)


class NewRule(_ChangePage):
    """A new rule with its first draft."""

    form_class = forms.RuleForm

    def act(self, form: Any) -> HttpResponse:
        """Make it."""
        said = form.cleaned_data
        version = actions.create_rule(
            key=said["key"],
            title=said["title"],
            owner_id=form.owner_id(self.now),
            wording=form.wording(),
            actor=self.actor,
            why=said["why"],
            now=self.now,
        )
        messages.success(self.request, f"{version} is drafted. It decides nothing until it is put in force.")
        return redirect("separation-rule-detail", pk=version.rule_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        return self.draw({"form": form, "title": "New rule", "back": reverse("separation-rule-list")}, status=status)


class Draft(_ChangePage):
    """The next version of a rule."""

    form_class = forms.WordingForm

    def form(self, data: Any = None) -> Form:
        """What the rule says now, or what was sent."""
        last = self._rule().versions.order_by("-number").first()
        return forms.WordingForm(data, initial=forms.initial(last) if last else {})

    def act(self, form: Any) -> HttpResponse:
        """Draft it."""
        why, wording = form.cleaned_data["why"], form.wording()
        version = actions.draft(rule_id=self.kwargs["pk"], wording=wording, actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"{version} is drafted. It decides nothing until it is put in force.")
        return redirect("separation-rule-detail", pk=version.rule_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        rule = self._rule()
        back = reverse("separation-rule-detail", args=[rule.pk])
        return self.draw({"form": form, "title": f"Draft {rule} anew", "back": back}, status=status)

    def allow(self) -> None:
        """Raise NotFound for strangers, Denied for who may only look."""
        self._rule()
        permissions.require_change(self.actor)

    def _rule(self) -> SeparationRule:
        rule: SeparationRule = bases.found(_visible(self), self.kwargs["pk"])
        return rule


class Discard(_ChangePage):
    """Dropping a draft, on a page of its own where there is no script to open a dialog."""

    template_name = "separation/decide.html"
    form_class = forms.NeededForm

    def act(self, form: Form) -> HttpResponse:
        """Discard it, and go back to the rule."""
        why = form.cleaned_data["reason"]
        version = actions.discard(version_id=self.kwargs["pk"], actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"{version} is discarded.")
        return redirect("separation-rule-detail", pk=version.rule_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form."""
        return _decide(self, self._version(), "discard", form, status)

    def allow(self) -> None:
        """Raise NotFound for strangers, Denied for who may only look."""
        self._version()
        permissions.require_change(self.actor)

    def _version(self) -> SeparationRuleVersion:
        rows = permissions.visible_versions(self.actor, self.now).select_related("rule")
        version: SeparationRuleVersion = bases.found(rows, self.kwargs["pk"])
        return version


class _Propose(ProposePage):
    """Proposing that a version decides, or ends: whoever answers for the rule says yes."""

    template_name = "separation/decide.html"
    form_class = ProposalForm
    verb: ClassVar[str]

    def payload(self, _form: Any, /) -> dict[str, Any]:
        """There is nothing to choose."""
        return {}

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        version: Any = proposable(kind=self.kind, subject_id=self.kwargs["pk"], actor=self.actor, now=self.now)
        return _decide(self, version, self.verb, form, status)


class PutInForce(_Propose):
    """That a draft decides."""

    kind, verb = SeparationPublish.name, "in-force"


class Retire(_Propose):
    """That a rule ends."""

    kind, verb = SeparationRetire.name, "retire"


def _decide(page: bases.Page, version: SeparationRuleVersion, verb: str, form: Any, status: int) -> HttpResponse:
    """The page of one act on a version."""
    act = present.version_act(version, verb, form)
    up = {"parent": "Rules of separation", "up": reverse("separation-rule-list")}
    return page.draw({"act": act, "ref": str(version), **up}, status=status)


class VersionById(bases.Page):
    """A version by its id, as changes name it."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, pk: Any) -> HttpResponse:
        """To the page of its rule. Raises NotFound."""
        version: SeparationRuleVersion = bases.found(permissions.visible_versions(self.actor, self.now), pk)
        return redirect("separation-rule-detail", pk=version.rule_id)
