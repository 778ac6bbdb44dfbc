"""Policy: the rules with their versions, what a wording would be told, and drafts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases
from governance.api.fields import Body, Id, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.lifecycle.models import Reevaluation
from governance.lifecycle.states import Denied, ReevaluationState
from governance.policy import actions, listing, permissions
from governance.policy.cel import LONGEST_CONDITION
from governance.policy.checks import faults
from governance.policy.filters import RuleFilter
from governance.policy.listing import RuleState
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.moves import Wording
from governance.policy.states import Mode, VersionState
from governance.users.states import Scope

TAG = "Policy"


class RuleShape(Shape):
    """A rule, and what is in force of it."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()
    owner = serializers.CharField(source="owner_name", allow_null=True)
    state = serializers.ChoiceField(RuleState.choices, source="stands")
    version = serializers.IntegerField(allow_null=True, help_text="The number of the version in force.")
    mode = serializers.ChoiceField(Mode.choices, allow_null=True, help_text="How far that version reaches.")
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class SaidShape(Shape):
    """Who did it, when and why."""

    who = serializers.CharField()
    at = serializers.DateTimeField()
    why = serializers.CharField()


class ReevaluationShape(Shape):
    """What a version has meant to the leases that were live when it took effect."""

    state = serializers.ChoiceField(ReevaluationState.choices)
    state_reason = serializers.CharField()
    denied = serializers.ChoiceField(Denied.choices, help_text="What becomes of leases that policy no longer allows.")
    due_at = serializers.DateTimeField(help_text="When the first of them is judged.")
    closed_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.DictField(source="progress.counts", child=serializers.IntegerField(), help_text="By fate.")


class VersionShape(Shape):
    """What a rule says from one moment to another. A published version says for ever what it said."""

    id = serializers.UUIDField()
    rule_id = serializers.UUIDField()
    rule_key = serializers.CharField(source="rule.key")
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)
    mode = serializers.ChoiceField(Mode.choices)
    priority = serializers.IntegerField()
    condition = serializers.CharField()
    outcomes = serializers.JSONField(help_text="As docs/policy.md describes them.")
    reason = serializers.CharField()
    effective_from = serializers.DateTimeField(allow_null=True)
    effective_until = serializers.DateTimeField(allow_null=True)
    drafted = SaidShape(allow_null=True)
    published = SaidShape(allow_null=True)
    reevaluation = ReevaluationShape(allow_null=True, source="carried")


class FaultShape(Shape):
    """One thing that is wrong. Of a condition it says where: line and column, and the part of the line, from 1."""

    field = serializers.ChoiceField(["condition", "outcomes", "reason", "mode"])
    message = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    start = serializers.IntegerField()
    length = serializers.IntegerField()
    expected = serializers.CharField(allow_blank=True, help_text="The type that would do, where there is one.")


class CheckShape(Shape):
    """Everything that keeps a wording from being kept; nothing, if it can be."""

    faults = FaultShape(many=True)


class WordingBody(Body):
    """What a version is to say."""

    condition = Text(min_length=1, max_length=LONGEST_CONDITION)
    outcomes = serializers.DictField(help_text="As docs/policy.md describes them.")
    reason = Text(min_length=1)
    priority = Whole(required=False, default=100, min_value=0, max_value=32767)
    mode = serializers.ChoiceField(
        Mode.choices,
        required=False,
        default=Mode.BLOCK,
        help_text="How far it reaches, as docs/policy.md describes it.",
    )


class CheckBody(WordingBody):
    """The same, however unfinished."""

    condition = Text(allow_blank=True, max_length=LONGEST_CONDITION)
    reason = Text(allow_blank=True)


class DraftBody(WordingBody):
    """The same, and why it is written."""

    why = Text(min_length=1, max_length=2000, help_text="Kept with the version.")


class RuleBody(DraftBody):
    """A new rule with its first draft."""

    key = Text(min_length=1, max_length=32)
    title = Text(min_length=1, max_length=200)
    owner = Id(help_text="An active identity.")


def _wording(given: Mapping[str, Any]) -> Wording:
    return Wording(given["condition"], given["outcomes"], given["reason"], given["priority"], given["mode"])


class _Rules:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("key",), descending=False)
    filters = RuleFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[PolicyRule]":
        """From the permissions of policy."""
        return listing.listed(permissions.visible(self.actor, self.now), self.now)


class RuleList(_Rules, bases.MakeEndpoint):
    """Rules by key: all for those who oversee, else those that the caller answers for."""

    operations = {
        "GET": Operation("policy_rule_list", "List policy rules", Scope.READ, RuleShape, listed=True),
        "POST": Operation("policy_rule_create", "Draft a new rule", Scope.POLICY, RuleShape, 201, RuleBody),
    }

    address = "api-policy-rule-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> PolicyRule:
        """Make a rule with its first draft. It decides nothing until it is published."""
        said = {"key": given["key"], "title": given["title"], "owner_id": given["owner"], "why": given["why"]}
        return actions.create_rule(**said, wording=_wording(given), actor=self.actor, now=self.now).rule


class RuleExport(_Rules, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("policy_rule_export", "Export policy rules", Scope.EXPORT, None)}
    table = tables.POLICY_RULES


class RuleDetail(_Rules, bases.OneEndpoint):
    """One rule."""

    operations = {"GET": Operation("policy_rule_read", "Read a policy rule", Scope.READ, RuleShape, conditional=True)}


class RuleCheck(bases.Endpoint):
    """What a wording would be told on saving. It keeps nothing."""

    tag = TAG
    operations = {
        "POST": Operation("policy_rule_check", "Check a wording", Scope.READ, CheckShape, body=CheckBody),
    }

    def post(self, request: Request) -> Response:
        """Every fault, by field and place. Raises Denied."""
        permissions.require(self.actor, "draft")
        given = self.sent(request)
        found = faults(given["condition"], given["outcomes"], given["reason"], given["mode"])
        return Response(self.told(request, {"faults": found}))


class _Versions:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = NoFilter
    actor: Any
    now: Any
    kwargs: Any

    def visible(self) -> "QuerySet[PolicyRuleVersion]":
        """Of the rules that the caller may see."""
        rules = permissions.visible(self.actor, self.now)
        return PolicyRuleVersion.objects.filter(rule__in=rules).select_related("rule")

    def rows(self, found: Sequence[PolicyRuleVersion]) -> Sequence[PolicyRuleVersion]:
        """With who drafted and published each; one query."""
        history = listing.drafted_and_published(found)
        carried = Reevaluation.objects.filter(version__in=found).select_related("progress")
        by_version = {one.version_id: one for one in carried}
        for one in found:
            one.carried = by_version.get(one.pk)  # type: ignore[attr-defined]  # for its shape alone
            said = history[one.pk]
            one.drafted, one.published = said.get(VersionState.DRAFT), said.get(VersionState.PUBLISHED)  # type: ignore[attr-defined]
        return found

    def whole(self, found: PolicyRuleVersion) -> PolicyRuleVersion:
        """With who drafted and published it."""
        return self.rows([found])[0]


class VersionList(_Versions, bases.MakeEndpoint):
    """The versions of one rule, the newest first."""

    operations = {
        "GET": Operation(
            "policy_rule_version_list", "List the versions of a rule", Scope.READ, VersionShape, listed=True
        ),
        "POST": Operation("policy_rule_draft", "Draft the next version", Scope.POLICY, VersionShape, 201, DraftBody),
    }

    def visible(self) -> "QuerySet[PolicyRuleVersion]":
        """Of the rule of the address. Raises NotFound."""
        rule = permissions.seen(self.actor, self.kwargs["pk"], self.now)
        return super().visible().filter(rule=rule)

    address = "api-policy-version-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> PolicyRuleVersion:
        """Draft it. It decides nothing until it is published."""
        said = {"rule_id": self.kwargs["pk"], "wording": _wording(given), "why": given["why"]}
        return actions.draft(**said, actor=self.actor, now=self.now)


class VersionDetail(_Versions, bases.OneEndpoint):
    """One version."""

    operations = {
        "GET": Operation(
            "policy_rule_version_read", "Read a version of a rule", Scope.READ, VersionShape, conditional=True
        )
    }


class VersionRedraft(_Versions, bases.ActEndpoint):
    """Saying something else in a draft."""

    operations = {
        "POST": Operation(
            "policy_rule_redraft", "Redraft a version", Scope.POLICY, VersionShape, body=DraftBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Say it so."""
        wording = _wording(given)
        return actions.redraft(
            version_id=pk, wording=wording, actor=self.actor, why=given["why"], now=self.now, as_seen=as_seen
        )
