"""Grants: the leases, their chain of custody, and their early end."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases
from governance.api.fields import Moment, Seconds, Shape
from governance.api.operations import Operation
from governance.api.query import checked
from governance.api.shapes import MaybeReasonBody, Named, NamedEntitlement, NamedPurpose, ReasonBody
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.evidence.actions import Asked, export_chains
from governance.evidence.entries import Entry, EntryKind
from governance.evidence.queries import chain_of_grant
from governance.grants import actions, permissions
from governance.grants.filters import GrantFilter
from governance.grants.models import Grant
from governance.grants.states import NOT_STARTED, Basis, GrantState
from governance.users.states import Scope

TAG = "Grants"


class GrantShape(Shape):
    """The lease: who holds what, for which purpose, from whom, until when.

    Until it has begun there is no start, and the end is the latest that it could have. Once the end has come nothing
    is leased any more, whatever the state: that only says how far the proof of its removal is.
    """

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    state = serializers.ChoiceField(GrantState.choices)
    state_reason = serializers.CharField()
    basis = serializers.ChoiceField(Basis.choices)
    identity = Named()
    entitlement = NamedEntitlement()
    purpose = NamedPurpose()
    accountable_owner = Named()
    requester = Named()
    renews_id = serializers.UUIDField(allow_null=True, help_text="The grant that it follows without a gap.")
    term_seconds = Seconds(source="term", allow_null=True)
    starts_at = serializers.SerializerMethodField()
    ends_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()

    def get_starts_at(self, grant: Grant) -> datetime | None:
        """When it began, or is scheduled to begin."""
        begins = grant.state not in NOT_STARTED or grant.state == GrantState.SCHEDULED
        return grant.starts_at if begins else None


class EntryShape(Shape):
    """One record of a chain. `sequence` and `leaf_hash` lead to the audit event; a reminder has none."""

    kind = serializers.ChoiceField([(kind.value, kind.value) for kind in EntryKind])
    at = serializers.DateTimeField()
    by = serializers.CharField()
    why = serializers.CharField()
    action = serializers.SerializerMethodField()
    sequence = serializers.SerializerMethodField()
    leaf_hash = serializers.SerializerMethodField()

    def get_action(self, entry: Entry) -> str | None:
        """The name of the audit event."""
        return entry.event.action if entry.event else None

    def get_sequence(self, entry: Entry) -> int | None:
        """Its number in the log."""
        return entry.event.sequence if entry.event else None

    def get_leaf_hash(self, entry: Entry) -> str | None:
        """What the tree seals of it, in hexadecimal."""
        return bytes(entry.event.leaf_hash).hex() if entry.event else None


class ChainShape(Shape):
    """A chain of custody, oldest first, and how many of its events the signed tree holds."""

    entries = EntryShape(many=True)
    events = serializers.IntegerField()
    sealed = serializers.IntegerField()


class _Grants:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = GrantFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Grant]":
        """From the permissions of grants."""
        return permissions.visible(self.actor, self.now).with_names()


class _GrantsListed(_Grants):
    """The same, for a list or a file of them."""

    def visible(self) -> "QuerySet[Grant]":
        """From the permissions of grants."""
        return permissions.listed(self.actor, self.now).with_names()


class GrantList(_GrantsListed, bases.ListEndpoint):
    """Grants that the caller holds, owns, answers for or oversees; newest first."""

    operations = {"GET": Operation("grant_list", "List grants", Scope.READ, GrantShape, listed=True)}


class GrantExport(_GrantsListed, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("grant_export", "Export grants", Scope.EXPORT, None)}
    table = tables.GRANTS


class GrantChainsExport(_GrantsListed, bases.ExportEndpoint):
    """The chains of custody of the same grants as a file; `since` and `until` name a period."""

    operations = {"GET": Operation("grant_chains_export", "Export chains of custody", Scope.EXPORT, None)}
    table = tables.CHAINS

    def content(self, rows: "QuerySet[Grant]", asked: Asked) -> Iterator[bytes]:
        """Grant by grant, oldest first."""
        return export_chains(rows, asked)


class GrantDetail(_Grants, bases.OneEndpoint):
    """One grant."""

    operations = {"GET": Operation("grant_read", "Read a grant", Scope.READ, GrantShape, conditional=True)}


class GrantChain(_Grants, bases.OneEndpoint):
    """The chain of custody of one grant: from who asked to the verified end."""

    operations = {"GET": Operation("grant_chain", "Read a chain of custody", Scope.READ, ChainShape)}

    def get(self, request: Request, pk: UUID) -> Response:
        """The chain as it stands."""
        checked(request, ())
        chain = chain_of_grant(self.found(pk))
        told = {"entries": chain.entries, "events": len(chain.events), "sealed": chain.sealed}
        return Response(self.told(request, told))


class GrantHandBack(_Grants, bases.ActEndpoint):
    """Giving access back that oneself, or a machine identity one owns, holds."""

    operations = {
        "POST": Operation(
            "grant_hand_back", "Hand a grant back", Scope.END, GrantShape, body=MaybeReasonBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Grant:
        """End it as its holder."""
        reason = given["reason"].strip()
        return actions.hand_back(grant_id=pk, actor=self.actor, reason=reason, now=self.now, as_seen=as_seen)


class NarrowBody(MaybeReasonBody):
    """When it is to end instead."""

    until = Moment(help_text="Before the end that it has: an end only moves earlier.")


class GrantNarrow(_Grants, bases.ActEndpoint):
    """Having access end earlier that oneself, or a machine identity one owns, holds."""

    operations = {
        "POST": Operation("grant_narrow", "Shorten a grant", Scope.END, GrantShape, body=NarrowBody, conditional=True)
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Grant:
        """Move its end."""
        until, reason = given["until"].astimezone(UTC), given["reason"]
        return actions.narrow(grant_id=pk, until=until, actor=self.actor, reason=reason, now=self.now, as_seen=as_seen)


class GrantRevoke(_Grants, bases.ActEndpoint):
    """Ending somebody's access early, as an owner, the holder's manager or security."""

    operations = {
        "POST": Operation("grant_revoke", "Revoke a grant", Scope.END, GrantShape, body=ReasonBody, conditional=True)
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Grant:
        """End it."""
        reason = given["reason"].strip()
        return actions.revoke(grant_id=pk, actor=self.actor, reason=reason, now=self.now, as_seen=as_seen)
