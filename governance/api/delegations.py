"""Delegations: who decides in whose place, letting somebody, and ending it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Body, Id, Moment, Shape, Text
from governance.api.operations import Operation
from governance.api.shapes import MaybeReasonBody, Named
from governance.approvals import actions, permissions
from governance.approvals.delegating import Terms
from governance.approvals.filters import DelegationFilter
from governance.approvals.models import Delegation
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.users.states import Scope

TAG = "Approvals"
KIND = "The kind of step that is delegated; empty for all that the delegator is asked but consents."


class DelegationShape(Shape):
    """That one person decides in another's place for a while. It holds in the half-open period."""

    id = serializers.UUIDField()
    delegator = Named()
    delegate = Named()
    kind = serializers.CharField(allow_blank=True, help_text=KIND)
    reason = serializers.CharField()
    made_at = serializers.DateTimeField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    end_reason = serializers.CharField(allow_blank=True, help_text="Why it ended before its time.")


class DelegationBody(Body):
    """Who decides in the caller's place, what, why, and for how long."""

    delegate = Id()
    kind = Text(max_length=24, required=False, allow_blank=True, default="", help_text=KIND)
    reason = Text(max_length=2000, help_text="Whoever decides in one's place reads it.")
    starts_at = Moment(required=False, allow_null=True, default=None, help_text="Left out for now.")
    ends_at = Moment()


class _Delegations:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("starts_at", "id"))
    filters = DelegationFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Delegation]":
        """From the permissions of approvals."""
        return permissions.visible_delegations(self.actor).with_names()


class DelegationList(_Delegations, bases.MakeEndpoint):
    """Delegations by which the caller decides for another, or another for them; all for those who oversee."""

    operations = {
        "GET": Operation("delegation_list", "List delegations", Scope.READ, DelegationShape, listed=True),
        "POST": Operation(
            "delegation_make",
            "Have another decide in one's place",
            Scope.DECIDE,
            DelegationShape,
            201,
            DelegationBody,
        ),
    }

    address = "api-delegation-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> Delegation:
        """Delegate. What waits moves at once."""
        terms = Terms(given["kind"], given["reason"], given["starts_at"] or self.now, given["ends_at"])
        return actions.delegate(delegate_id=given["delegate"], terms=terms, actor=self.actor, now=self.now)


class DelegationExport(_Delegations, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("delegation_export", "Export delegations", Scope.EXPORT, None)}
    table = tables.DELEGATIONS


class DelegationDetail(_Delegations, bases.OneEndpoint):
    """One delegation."""

    operations = {
        "GET": Operation("delegation_read", "Read a delegation", Scope.READ, DelegationShape, conditional=True)
    }


class DelegationEnd(_Delegations, bases.ActEndpoint):
    """Taking back what one has delegated, or handing back what was delegated to one."""

    operations = {
        "POST": Operation(
            "delegation_end",
            "End a delegation",
            Scope.DECIDE,
            DelegationShape,
            body=MaybeReasonBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Delegation:
        """End it."""
        said = {"delegation_id": pk, "reason": given["reason"], "as_seen": as_seen}
        return actions.end_delegation(**said, actor=self.actor, now=self.now)
