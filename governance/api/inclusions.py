"""Separation of duties: what confers what."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.access.filters import InclusionFilter
from governance.access.models import Inclusion
from governance.api import bases
from governance.api.fields import Body, Id, Shape, Text
from governance.api.operations import Operation
from governance.api.shapes import NamedEntitlement, ReasonBody
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.separation import actions, permissions
from governance.users.states import Scope

TAG = "Separation of duties"


class InclusionShape(Shape):
    """That one entitlement confers another, as far as it is known."""

    id = serializers.UUIDField()
    entitlement = NamedEntitlement()
    conferred = NamedEntitlement()
    source = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    seen_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class InclusionBody(Body):
    """What confers what, where no system says so."""

    entitlement = Id()
    conferred = Id()
    reason = Text(max_length=2000, help_text="How that is known.")


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
