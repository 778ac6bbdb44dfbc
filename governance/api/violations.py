"""Separation of duties: what breaks its rules, and the mitigations that are allowed to."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Body, Id, Moment, Shape, Text
from governance.api.operations import Operation
from governance.api.shapes import MaybeReasonBody, Named, NamedEntitlement, NamedSeparationRule, ReasonBody
from governance.catalog.states import Risk
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.separation import actions, permissions
from governance.separation.filters import MitigationFilter, ViolationFilter
from governance.separation.models import Mitigation, SeparationViolation
from governance.separation.states import MitigationState, ViolationState
from governance.users.states import Scope

TAG = "Separation of duties"


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
    emergency = serializers.BooleanField(help_text="It covers what is taken by break-glass, and nothing else.")
    requester = Named()
    requested_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    review_at = serializers.DateTimeField()
    state = serializers.ChoiceField(MitigationState.choices)
    state_reason = serializers.CharField()
    decider = Named(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class MitigationBody(Body):
    """Who is to hold both sides of which rule, why, until when, and what is done about it meanwhile."""

    rule = Id()
    identity = Id()
    reason = Text(max_length=2000)
    control = Text(max_length=2000, help_text="The compensating control: who looks at what, how often.")
    ends_at = Moment()
    review_at = Moment()
    emergency = serializers.BooleanField(default=False, help_text="For what is taken by break-glass alone.")


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
        said = {name: given[name] for name in ("reason", "control", "ends_at", "review_at", "emergency")}
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
