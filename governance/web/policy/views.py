"""Policy: the rules, one with its versions, and the editor that says what is wrong while one writes."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from governance.analysis import permissions as analysis
from governance.core.errors import Conflict, Denied, Invalid
from governance.evidence import tables
from governance.identities.models import Identity
from governance.lifecycle.models import Reevaluation
from governance.policy import actions, listing, permissions
from governance.policy.checks import Fault, faults
from governance.policy.filters import RuleFilter
from governance.policy.models import PolicyExample, PolicyRule, PolicyRuleVersion
from governance.policy.states import ExampleState, VersionState
from governance.web import bases
from governance.web.paging import Keyset
from governance.web.policy import forms, present
from governance.web.policy.found import version_of
from governance.web.shapes import Act

MOST_REPLAYS: Final = 20
"""Replays of one version that its page lists."""


class RuleList(bases.ListPage):
    """Every rule that the actor may see, by key."""

    template_name = "policy/list.html"
    title, things, order = "Policy", "rules", "by key"
    lede = "Rules say who may hold what, who decides, and for how long at most. What none covers is denied."
    filters = RuleFilter
    table = tables.POLICY_RULES
    keyset = Keyset(("key",), descending=False)
    empty = "No rule is yours to see. Without any, policy denies everything."

    def visible(self) -> "QuerySet[PolicyRule]":
        """From the permissions of policy."""
        return listing.listed(permissions.visible(self.actor, self.now), self.now)

    def rows(self, found: Sequence[PolicyRule]) -> list[present.Row]:
        """As lines."""
        return [present.row(rule) for rule in found]

    def context(self) -> dict[str, Any]:
        """Whether the actor may write rules."""
        return {"may_write": permissions.can(self.actor, "create")}


class RulePage(bases.DetailPage):
    """One rule: what it says now, and every version there was."""

    template_name = "policy/rule.html"

    def visible(self) -> "QuerySet[PolicyRule]":
        """From the permissions of policy."""
        return listing.listed(permissions.visible(self.actor, self.now), self.now)

    def context(self, found: PolicyRule) -> dict[str, Any]:
        """The rule with its versions, the newest first."""
        rows = list(found.versions.select_related("rule").order_by("-number"))
        history = listing.drafted_and_published(rows)
        versions = [present.version(one, history[one.pk], self.now) for one in rows]
        return {
            "rule": present.row(found),
            "pk": found.pk,
            "versions": versions,
            "shown": next((one for one in versions if one.state == "in_force"), versions[0] if versions else None),
            "may_write": permissions.can(self.actor, "draft"),
        }


class VersionPage(bases.Page):
    """One version: what it says, from when to when, who published it and why."""

    http_method_names = bases.READS
    template_name = "policy/version.html"

    def get(self, _request: HttpRequest, **_where: Any) -> HttpResponse:
        """The version; 404 for strangers as for what does not exist."""
        found = version_of(self)
        history = listing.drafted_and_published([found])[found.pk]
        kept = PolicyExample.objects.filter(rule=found.rule_id, state=ExampleState.KEPT).order_by("title")
        carried = Reevaluation.objects.filter(version=found).select_related("progress").first()
        replays = analysis.visible(self.actor).filter(version=found).select_related("version__rule", "progress")
        return self.draw(
            {
                "rule": found.rule,
                "version": present.version(found, history, self.now),
                "examples": present.examples(found, list(kept)),
                "replays": [present.replay(one) for one in replays.order_by("-number")[:MOST_REPLAYS]],
                "sees_replays": self.actor.has(*analysis.SEES_ALL),
                "reevaluation": present.reevaluated(carried) if carried else None,
                "may_write": permissions.can(self.actor, "draft"),
                "acts": list(self._acts(found)),
            }
        )

    def _acts(self, version: PolicyRuleVersion) -> Iterator[Act]:
        if not permissions.can(self.actor, "publish"):
            return
        yield present.replaying(version, forms.ReplayForm(auto_id="replay_%s"))
        stands = present.shown_state(version, self.now)
        if stands == "draft":
            yield present.proposing(version, "publish", forms.PublishForm(auto_id="publish_%s"))
        elif stands != "retired":
            yield present.proposing(version, "retire", forms.RetireForm(auto_id="retire_%s"))


class VersionById(bases.Page):
    """A version by its id, as changes name it."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, pk: UUID) -> HttpResponse:
        """To its page. Raises NotFound."""
        rules = permissions.visible(self.actor, self.now)
        versions = PolicyRuleVersion.objects.filter(rule__in=rules).select_related("rule")
        version: PolicyRuleVersion = bases.found(versions, pk)
        return redirect("rule-version", key=version.rule.key, number=version.number)


class _Editor(bases.FormPage):
    """The editor. Whoever may not write rules gets none."""

    template_name = "policy/editor.html"
    verb: str

    def post(self, request: HttpRequest, **_where: Any) -> HttpResponse:
        """Save, or show what is wrong beside each field."""
        self.allowed()
        form = self.form(request.POST)
        if form.is_valid():
            try:
                return self.act(form)
            except Invalid as refusal:
                bases.blame(form, refusal.renamed({"outcomes": "follows"}))
        return self.show(form, status=bases.UNPROCESSABLE)

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The form. Raises NotFound, Denied."""
        self.allowed()
        return super().get(request, **where)

    def allowed(self) -> None:
        """Raise NotFound or Denied unless the actor may write here."""
        permissions.require(self.actor, self.verb)


class RuleNew(_Editor):
    """A new rule with its first draft."""

    verb = "create"

    def form(self, data: Any = None) -> forms.RuleForm:
        """The form of a rule that says nothing yet."""
        return forms.RuleForm(data)

    def act(self, form: forms.RuleForm) -> HttpResponse:
        """Make it."""
        said = form.cleaned_data
        version = actions.create_rule(
            key=said["key"],
            title=said["title"],
            owner_id=self._owner(said["owner"]),
            wording=form.wording(),
            actor=self.actor,
            why=said["why"].strip(),
            now=self.now,
        )
        messages.success(self.request, f"{version} is drafted. It decides nothing until it is published.")
        return redirect("rule-version", key=version.rule.key, number=version.number)

    def _owner(self, email: str) -> Any:
        if not email:
            if self.actor.identity_id is None:
                raise Invalid({"owner": "Say who answers for the rule."})
            return self.actor.identity_id
        found = list(Identity.objects.active(self.now).filter(email__iexact=email).values_list("pk", flat=True)[:2])
        if len(found) != 1:
            raise Invalid({"owner": "No active person, or more than one, has this address."})
        return found[0]

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The editor."""
        return self.draw({"title": "New rule", **present.editor(form)}, status=status)


class VersionNew(_Editor):
    """The rule's next version, which begins as what the newest one says."""

    verb = "draft"

    def allowed(self) -> None:
        """Strangers find no rule, and its owner may only read it."""
        self.rule = bases.found(permissions.visible(self.actor, self.now), self.kwargs["pk"])
        super().allowed()

    def form(self, data: Any = None) -> forms.WordingForm:
        """The newest version's words, or what was sent."""
        return forms.WordingForm(data, self.rule.versions.order_by("-number").first())

    def act(self, form: forms.WordingForm) -> HttpResponse:
        """Draft it."""
        why = form.cleaned_data["why"].strip()
        version = actions.draft(rule_id=self.rule.pk, wording=form.wording(), actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"{version} is drafted. It decides nothing until it is published.")
        return redirect("rule-version", key=self.rule.key, number=version.number)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The editor."""
        title = f"New version of {self.rule.key}"
        return self.draw({"rule": self.rule, "title": title, **present.editor(form)}, status=status)


class VersionEdit(_Editor):
    """A draft, to be said otherwise."""

    verb = "draft"

    def allowed(self) -> None:
        """Strangers find no version, and what is published says for ever what it said."""
        self.version = version_of(self)
        super().allowed()
        if self.version.state != VersionState.DRAFT:
            raise Conflict(f"{self.version} has been published; draft a new version.", code="already_published")

    def form(self, data: Any = None) -> forms.WordingForm:
        """The draft's words, or what was sent."""
        return forms.WordingForm(data, self.version)

    def act(self, form: forms.WordingForm) -> HttpResponse:
        """Say it so."""
        why = form.cleaned_data["why"].strip()
        actions.redraft(version_id=self.version.pk, wording=form.wording(), actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"{self.version} is redrafted.")
        return redirect("rule-version", key=self.version.rule.key, number=self.version.number)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The editor."""
        title = f"Edit {self.version}"
        return self.draw({"rule": self.version.rule, "title": title, **present.editor(form)}, status=status)


class Check(bases.Page):
    """What is wrong with a wording while it is being written: answered to the editor's script."""

    http_method_names = bases.SENDS

    def post(self, request: HttpRequest) -> HttpResponse:
        """Every fault by field and place. Raises Denied."""
        if not permissions.can(self.actor, "draft"):
            raise Denied("Only an administrator may draft a policy rule.")
        form = forms.WordingForm(request.POST)
        form.is_valid()
        said = (request.POST.get(name, "") for name in ("reason", "mode"))
        found = [
            *faults(request.POST.get("condition", ""), form.outcomes(), *said),
            *(Fault(name, str(told)) for name in forms.LENGTHS for told in form.errors.get(name, ())),
        ]
        return JsonResponse({"faults": [asdict(one) for one in found]})
