"""Purposes: those that can carry a grant now, and any that the caller owns or oversees."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.shapes import ManagedFrom, NamedEntitlement
from governance.catalog import managed
from governance.catalog.permissions import visible_entitlements
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.lifecycle.retirement import resting
from governance.purposes import permissions
from governance.purposes.filters import PurposeFilter
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState
from governance.users.states import Scope

TAG = "Purposes"


class PurposeShape(Shape):
    """A business reason for access, and how long it holds."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(PurposeState.choices)
    emergency = serializers.BooleanField()
    ends_at = serializers.DateTimeField(allow_null=True)
    review_at = serializers.DateTimeField(allow_null=True)
    managed_from = ManagedFrom()


class RestingShape(Shape):
    """How much rests on a purpose now, and would end with it."""

    alone = serializers.IntegerField(help_text="Leases whose access nothing else supports: it is removed with them.")
    supported = serializers.IntegerField(help_text="Leases whose access stands on other leases as well.")
    not_begun = serializers.IntegerField(help_text="Leases that wait to begin.")
    in_review = serializers.IntegerField(help_text="Items of requests that are not decided yet.")


class WholePurposeShape(PurposeShape):
    """The same, with what it may justify and what rests on it."""

    criteria = serializers.CharField(help_text="Whom it is for, as a condition over the identity; empty for anybody.")
    justifies = serializers.SerializerMethodField()
    resting = serializers.SerializerMethodField()

    def get_justifies(self, purpose: Purpose) -> Any:
        """Entitlements that can be asked for with it."""
        ids = purpose.justifications.filter(ended_at__isnull=True).values("entitlement")
        seen = visible_entitlements(self.context["actor"], self.context["now"]).filter(pk__in=ids)
        return NamedEntitlement(seen.select_related("system").order_by("system__name", "name"), many=True).data

    def get_resting(self, purpose: Purpose) -> Any:
        """The counts."""
        found = resting(purpose.pk, self.context["now"])
        counts = {
            "alone": found.alone.count(),
            "supported": found.supported.count(),
            "not_begun": found.waiting.count(),
            "in_review": found.in_review.count(),
        }
        return RestingShape(counts).data


class _Purposes:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = PurposeFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Purpose]":
        """From the permissions of purposes."""
        return permissions.visible(self.actor, self.now).annotate(managed_from=managed.file_of(Purpose.NOUN))


class PurposeList(_Purposes, bases.ListEndpoint):
    """Purposes that access can be asked for."""

    operations = {"GET": Operation("purpose_list", "List purposes", Scope.READ, PurposeShape, listed=True)}


class PurposeExport(_Purposes, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("purpose_export", "Export purposes", Scope.EXPORT, None)}
    table = tables.PURPOSES


class PurposeDetail(_Purposes, bases.OneEndpoint):
    """One purpose."""

    operations = {"GET": Operation("purpose_read", "Read a purpose", Scope.READ, WholePurposeShape, conditional=True)}
