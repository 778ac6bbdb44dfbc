"""Separation of duties: rules with their versions, what breaks them, mitigations, and what confers what."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.access.filters import InclusionFilter
from governance.access.models import Inclusion
from governance.api import bases
from governance.api.fields import Body, Id, Moment, Shape, Text
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import MaybeReasonBody, Named, NamedEntitlement, ReasonBody
from governance.catalog.states import Risk
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.separation import actions, permissions
from governance.separation.filters import MitigationFilter, RuleFilter, ViolationFilter
from governance.separation.models import (
    Mitigation,
    SeparationMember,
    SeparationRule,
    SeparationRuleVersion,
    SeparationViolation,
)
from governance.separation.moves import Wording
from governance.separation.states import MitigationState, VersionState, ViolationState
from governance.users.states import Scope

TAG = "Separation of duties"
MOST_NAMED = 200
"""Entitlements on one side of a rule."""


class NamedSeparationRule(Shape):
    """A rule by its id, key and title."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    title = serializers.CharField()


class SeparationRuleShape(NamedSeparationRule):
    """What is kept apart, by its name. What it says is in its versions."""


class SeparationVersionShape(Shape):
    """What a rule says, or said. `left` and `right` are ids of entitlements: nobody holds one of each."""

    id = serializers.UUIDField()
    rule = NamedSeparationRule()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)
    severity = serializers.ChoiceField(Risk.choices)
    reason = serializers.CharField()
    left = serializers.SerializerMethodField()
    right = serializers.SerializerMethodField()
    drafted_by = Named()
    effective_from = serializers.DateTimeField(allow_null=True)
    effective_until = serializers.DateTimeField(allow_null=True)

    def get_left(self, version: SeparationRuleVersion) -> list[UUID]:
        """One side."""
        return _side(version, "left")

    def get_right(self, version: SeparationRuleVersion) -> list[UUID]:
        """The other side."""
        return _side(version, "right")


def _side(version: SeparationRuleVersion, side: str) -> list[UUID]:
    members: list[SeparationMember] = list(version.members.all())
    return sorted(member.entitlement_id for member in members if member.side == side)


class ViolationShape(Shape):
    """That somebody holds both sides of a rule. Each path leads from what is assigned to what is kept apart."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    rule = NamedSeparationRule()
    identity = Named()
    severity = serializers.ChoiceField(Risk.choices)
    left = NamedEntitlement()
    right = NamedEntitlement()
    left_path = serializers.ListField(child=serializers.UUIDField())
    right_path = serializers.ListField(child=serializers.UUIDField())
    state = serializers.ChoiceField(ViolationState.choices)
    state_reason = serializers.CharField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class MitigationShape(Shape):
    """That somebody may hold both sides of a rule for a while, and what is done about it meanwhile."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    rule = NamedSeparationRule()
    identity = Named()
    reason = serializers.CharField()
    control = serializers.CharField()
    requester = Named()
    requested_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    review_at = serializers.DateTimeField()
    state = serializers.ChoiceField(MitigationState.choices)
    state_reason = serializers.CharField()
    decider = Named(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class InclusionShape(Shape):
    """That one entitlement confers another, as far as it is known."""

    id = serializers.UUIDField()
    entitlement = NamedEntitlement()
    conferred = NamedEntitlement()
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    seen_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class SeparationWordingBody(Body):
    """What a rule is to say."""

    left = serializers.ListField(child=Id(), min_length=1, max_length=MOST_NAMED)
    right = serializers.ListField(child=Id(), min_length=1, max_length=MOST_NAMED)
    severity = serializers.ChoiceField(Risk.choices)
    reason = Text(max_length=2000, help_text="Why the two are kept apart; a requester reads it.")
    why = Text(max_length=2000, help_text="Why it is drafted. Kept on record.")


class SeparationRuleBody(SeparationWordingBody):
    """A new rule, with what it says first."""

    key = Text(max_length=32, help_text="Such as SOD-01.")
    title = Text(max_length=200)
    owner = Id(help_text="An active identity, who is told of violations.")


class MitigationBody(Body):
    """Who is to hold both sides of which rule, why, until when, and what is done about it meanwhile."""

    rule = Id()
    identity = Id()
    reason = Text(max_length=2000)
    control = Text(max_length=2000, help_text="The compensating control: who looks at what, how often.")
    ends_at = Moment()
    review_at = Moment()


class InclusionBody(Body):
    """What confers what, where no system says so."""

    entitlement = Id()
    conferred = Id()
    reason = Text(max_length=2000, help_text="How that is known.")


def _wording(given: Mapping[str, Any]) -> Wording:
    return Wording(frozenset(given["left"]), frozenset(given["right"]), given["severity"], given["reason"])


class _Rules:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("key",), descending=False)
    filters = RuleFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[SeparationRule]":
        """From the permissions of separation."""
        return permissions.visible_rules(self.actor, self.now)


class RuleList(_Rules, bases.MakeEndpoint):
    """Rules: those that the caller answers for, all for those who oversee."""

    operations = {
        "GET": Operation(
            "separation_rule_list", "List rules of separation", Scope.READ, SeparationRuleShape, listed=True
        ),
        "POST": Operation(
            "separation_rule_create", "Draft a new rule", Scope.REQUEST, SeparationRuleShape, 201, SeparationRuleBody
        ),
    }

    address = "api-separation-rule-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> SeparationRule:
        """Draft it. Somebody else puts it in force."""
        said = {"key": given["key"], "title": given["title"], "owner_id": given["owner"], "why": given["why"]}
        return actions.create_rule(**said, wording=_wording(given), actor=self.actor, now=self.now).rule


class RuleDetail(_Rules, bases.OneEndpoint):
    """One rule."""

    operations = {
        "GET": Operation(
            "separation_rule_read", "Read a rule of separation", Scope.READ, SeparationRuleShape, conditional=True
        )
    }


class _Versions:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[SeparationRuleVersion]":
        """Of the rules that the caller may see."""
        rules = permissions.visible_rules(self.actor, self.now)
        rows = SeparationRuleVersion.objects.filter(rule__in=rules.values("pk"))
        return rows.select_related("rule", "drafted_by").prefetch_related("members")


class VersionList(_Versions, bases.ListEndpoint):
    """All versions of the rules that the caller may see, newest first."""

    operations = {
        "GET": Operation(
            "separation_version_list", "List versions of rules", Scope.READ, SeparationVersionShape, listed=True
        )
    }


class VersionDetail(_Versions, bases.OneEndpoint):
    """One version."""

    operations = {
        "GET": Operation(
            "separation_version_read", "Read a version of a rule", Scope.READ, SeparationVersionShape, conditional=True
        )
    }


class VersionDraft(_Rules, bases.ActEndpoint):
    """Drafting the next version of a rule, in the place of a draft that waits."""

    operations = {
        "POST": Operation(
            "separation_rule_draft", "Draft a rule anew", Scope.REQUEST, SeparationRuleShape, body=SeparationWordingBody
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], _as_seen: AsSeen) -> SeparationRuleVersion:
        """Draft it."""
        said = {"wording": _wording(given), "why": given["why"]}
        return actions.draft(rule_id=pk, **said, actor=self.actor, now=self.now)


def _on_version(verb: str, summary: str) -> dict[str, Operation]:
    name = f"separation_version_{verb}"
    return {"POST": Operation(name, summary, Scope.DECIDE, SeparationVersionShape, body=ReasonBody, conditional=True)}


class VersionInForce(_Versions, bases.ActEndpoint):
    """Having a draft decide, as somebody other than who drafted it."""

    operations = _on_version("put_in_force", "Put a draft in force")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> SeparationRuleVersion:
        """Put it in force."""
        said = {"version_id": pk, "why": given["reason"], "as_seen": as_seen}
        return actions.put_in_force(**said, actor=self.actor, now=self.now)


class VersionDiscard(_Versions, bases.ActEndpoint):
    """Dropping a draft."""

    operations = _on_version("discard", "Discard a draft")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> SeparationRuleVersion:
        """Discard it."""
        said = {"version_id": pk, "why": given["reason"], "as_seen": as_seen}
        return actions.discard(**said, actor=self.actor, now=self.now)


class VersionRetire(_Versions, bases.ActEndpoint):
    """Ending a rule."""

    operations = _on_version("retire", "Retire a rule of separation")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> SeparationRuleVersion:
        """Retire it."""
        said = {"version_id": pk, "why": given["reason"], "as_seen": as_seen}
        return actions.retire(**said, actor=self.actor, now=self.now)


class _Violations:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = ViolationFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[SeparationViolation]":
        """From the permissions of separation."""
        return permissions.visible_violations(self.actor, self.now).with_names()


class ViolationList(_Violations, bases.ListEndpoint):
    """What breaks a rule: of the caller, whom they answer for, rules they own; all for those who oversee."""

    operations = {"GET": Operation("violation_list", "List violations", Scope.READ, ViolationShape, listed=True)}


class ViolationExport(_Violations, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("violation_export", "Export violations", Scope.EXPORT, None)}
    table = tables.VIOLATIONS


class ViolationDetail(_Violations, bases.OneEndpoint):
    """One violation."""

    operations = {"GET": Operation("violation_read", "Read a violation", Scope.READ, ViolationShape, conditional=True)}


class _Mitigations:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = MitigationFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Mitigation]":
        """From the permissions of separation."""
        return permissions.visible_mitigations(self.actor, self.now).with_names()


class MitigationList(_Mitigations, bases.MakeEndpoint):
    """Mitigations, as violations are seen, and those the caller has asked for."""

    operations = {
        "GET": Operation("mitigation_list", "List mitigations", Scope.READ, MitigationShape, listed=True),
        "POST": Operation(
            "mitigation_propose", "Ask for a mitigation", Scope.REQUEST, MitigationShape, 201, MitigationBody
        ),
    }

    address = "api-mitigation-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> Mitigation:
        """Ask for it. Somebody else decides."""
        said = {name: given[name] for name in ("reason", "control", "ends_at", "review_at")}
        about = {"rule_id": given["rule"], "identity_id": given["identity"]}
        try:
            return actions.propose_mitigation(**about, **said, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid({"rule": "There is no such rule in force, or nobody like that."}) from refusal


class MitigationDetail(_Mitigations, bases.OneEndpoint):
    """One mitigation."""

    operations = {
        "GET": Operation("mitigation_read", "Read a mitigation", Scope.READ, MitigationShape, conditional=True)
    }


def _on_mitigation(verb: str, summary: str, scope: Scope, body: type[Body]) -> dict[str, Operation]:
    return {"POST": Operation(f"mitigation_{verb}", summary, scope, MitigationShape, body=body, conditional=True)}


class _OnMitigation(_Mitigations, bases.ActEndpoint):
    """One act on a mitigation."""

    decide: ClassVar[Any]

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Mitigation:
        """Call the action."""
        said = {"mitigation_id": pk, "reason": given["reason"], "as_seen": as_seen}
        done: Mitigation = type(self).decide(**said, actor=self.actor, now=self.now)
        return done


class MitigationApprove(_OnMitigation):
    """Letting it cover what it is for, as somebody who neither asked nor benefits."""

    operations = _on_mitigation("approve", "Approve a mitigation", Scope.DECIDE, MaybeReasonBody)
    decide = staticmethod(actions.approve_mitigation)


class MitigationReject(_OnMitigation):
    """Refusing it."""

    operations = _on_mitigation("reject", "Reject a mitigation", Scope.DECIDE, ReasonBody)
    decide = staticmethod(actions.reject_mitigation)


class MitigationWithdraw(_OnMitigation):
    """Taking back what one has asked for."""

    operations = _on_mitigation("withdraw", "Take a mitigation back", Scope.REQUEST, MaybeReasonBody)
    decide = staticmethod(actions.withdraw_mitigation)


class MitigationEnd(_OnMitigation):
    """Ending it before its time: what it covered is an open violation again."""

    operations = _on_mitigation("end", "End a mitigation", Scope.DECIDE, ReasonBody)
    decide = staticmethod(actions.end_mitigation)


class _Inclusions:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = InclusionFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Inclusion]":
        """From the permissions of separation."""
        return permissions.visible_inclusions(self.actor).select_related("entitlement__system", "conferred__system")


class InclusionList(_Inclusions, bases.MakeEndpoint):
    """What confers what, for those who oversee; nobody else finds any."""

    operations = {
        "GET": Operation("inclusion_list", "List inclusions", Scope.READ, InclusionShape, listed=True),
        "POST": Operation(
            "inclusion_enter", "Say what confers what", Scope.REQUEST, InclusionShape, 201, InclusionBody
        ),
    }

    address = "api-inclusion-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> Inclusion:
        """Keep it."""
        pair = {"entitlement_id": given["entitlement"], "conferred_id": given["conferred"]}
        return actions.enter_inclusion(**pair, actor=self.actor, why=given["reason"], now=self.now)


class InclusionDetail(_Inclusions, bases.OneEndpoint):
    """One inclusion."""

    operations = {"GET": Operation("inclusion_read", "Read an inclusion", Scope.READ, InclusionShape, conditional=True)}


class InclusionEnd(_Inclusions, bases.ActEndpoint):
    """Saying that an inclusion stands no more."""

    operations = {
        "POST": Operation(
            "inclusion_end", "End an inclusion", Scope.REQUEST, InclusionShape, body=ReasonBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Inclusion:
        """End it."""
        said = {"inclusion_id": pk, "why": given["reason"], "as_seen": as_seen}
        return actions.end_inclusion(**said, actor=self.actor, now=self.now)
