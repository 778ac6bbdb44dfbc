"""Examples kept with a rule: keeping one, and letting one go."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from governance.core.errors import Denied, NotFound
from governance.policy import actions, permissions
from governance.policy.models import PolicyExample, PolicyRule
from governance.policy.states import ExampleState
from governance.web import bases
from governance.web.policy import present
from governance.web.policy.example_form import ExampleForm
from governance.web.policy.forms import DropForm


class ExampleNew(bases.FormPage):
    """An example more for a rule."""

    template_name = "policy/example.html"
    form_class = ExampleForm

    def get(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """The form. Raises NotFound, Denied."""
        self._rule()
        return super().get(request, **where)

    def post(self, request: HttpRequest, **where: Any) -> HttpResponse:
        """Keep it, or show what is wrong. Raises NotFound, Denied."""
        self._rule()
        return super().post(request, **where)

    def act(self, form: ExampleForm) -> HttpResponse:
        """Keep it."""
        rule, said = self._rule(), form.cleaned_data
        actions.keep_example(
            rule_id=rule.pk, title=said["title"], expected=form.expected(), actor=self.actor, why=said["why"].strip(),
            now=self.now,
        )  # fmt: skip
        messages.success(self.request, f"“{said['title']}” is kept. No version that fails it is published.")
        return redirect("rule-detail", pk=rule.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form beside the facts."""
        return self.draw({"form": form, "rule": self._rule(), "facts": present.facts()}, status=status)

    def _rule(self) -> PolicyRule:
        rule: PolicyRule = permissions.seen(self.actor, self.kwargs["pk"], self.now)
        permissions.require(self.actor, "draft")
        return rule


class ExampleDrop(bases.FormPage):
    """Letting an example go."""

    template_name = "policy/drop.html"
    form_class = DropForm

    def act(self, form: DropForm) -> HttpResponse:
        """Drop it."""
        example = self._example()
        why = form.cleaned_data["reason"].strip()
        actions.drop_example(example_id=example.pk, actor=self.actor, why=why, now=self.now)
        messages.success(self.request, f"“{example.title}” is kept no longer.")
        return redirect("rule-detail", pk=example.rule_id)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied."""
        example = self._example()
        return self.draw({"act": present.dropping(example, form), "rule": example.rule}, status=status)

    def _example(self) -> PolicyExample:
        rules = permissions.visible(self.actor, self.now)
        kept = PolicyExample.objects.filter(rule__in=rules, state=ExampleState.KEPT).select_related("rule")
        found = kept.filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise NotFound
        if not permissions.can(self.actor, "draft"):
            raise Denied("Only an administrator may draft a policy rule.")
        return found
