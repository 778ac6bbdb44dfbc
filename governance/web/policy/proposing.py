"""Proposing that a version takes effect, or ends: somebody else says yes."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from governance.analysis.publishing import RulePublish
from governance.changes import actions
from governance.changes.kinds import kind_of
from governance.changes.policy_rules import RuleRetire
from governance.core.errors import Invalid
from governance.policy.models import PolicyRuleVersion
from governance.web import bases
from governance.web.policy import present
from governance.web.policy.forms import PublishForm, RetireForm
from governance.web.policy.found import version_of

FORMS: dict[str, type[RetireForm]] = {"publish": PublishForm, "retire": RetireForm}


class Propose(bases.FormPage):
    """One of the two, on a page of its own where there is no script to open a dialog."""

    template_name = "policy/propose.html"
    verb: ClassVar[str]
    kind: ClassVar[str]

    def form(self, data: Any = None) -> forms.Form:
        """The form of the verb."""
        return FORMS[self.verb](data)

    def act(self, form: Any) -> HttpResponse:
        """Propose it, and go to the change."""
        version = self._version()
        try:
            change = actions.propose(
                kind=self.kind,
                subject_id=version.pk,
                payload=form.payload(),
                reason=form.cleaned_data["reason"],
                token=form.cleaned_data["token"],
                actor=self.actor,
                now=self.now,
            )
        except Invalid as refusal:
            raise refusal.renamed({"examples": "reason", "rehearsal": "reason"}) from refusal
        messages.success(self.request, f"{change} is proposed. {version.rule.key} stays as it is until it is approved.")
        return redirect("change-detail", pk=change.pk)

    def show(self, form: Any, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it. Raises NotFound, Denied, Conflict."""
        version = self._version()
        act = present.proposing(version, self.verb, form)
        return self.draw({"act": act, "rule": version.rule, "version": version}, status=status)

    def _version(self) -> PolicyRuleVersion:
        version = version_of(self)
        kind_of(self.kind).subject(self.actor, version.pk, self.now)
        return version


class Publish(Propose):
    """That a draft takes effect."""

    verb, kind = "publish", RulePublish.name


class Retire(Propose):
    """That a published version ends."""

    verb, kind = "retire", RuleRetire.name
