"""The catalog: systems and entitlements. Nothing of a connector's configuration is told."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Seconds, Shape
from governance.api.operations import Operation
from governance.api.shapes import ManagedFrom, Named
from governance.catalog import managed, permissions
from governance.catalog.filters import EntitlementFilter, SystemFilter
from governance.catalog.models import Entitlement, System
from governance.catalog.states import CatalogState, Risk
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.identities.states import Environment, Kind
from governance.users.states import Scope

TAG = "Catalog"


class SystemShape(Shape):
    """A downstream application or platform where access exists."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    environment = serializers.ChoiceField(Environment.choices)
    risk = serializers.ChoiceField(Risk.choices)
    state = serializers.ChoiceField(CatalogState.choices)
    managed_from = ManagedFrom()


class PermissionShape(Shape):
    """What it permits in its system: actions on resources of a type, by a pattern of their ids."""

    type = serializers.CharField()
    pattern = serializers.CharField()
    actions = serializers.ListField(child=serializers.CharField(), required=False, help_text="Left out: not known.")


class EntitlementShape(Shape):
    """One thing that can be granted in a system, and under what terms."""

    id = serializers.UUIDField()
    system = Named()
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    risk = serializers.ChoiceField(Risk.choices)
    privileged = serializers.BooleanField()
    longest_lease_seconds = Seconds(source="longest_lease")
    review_cadence_seconds = Seconds(source="review_cadence")
    allowed_kinds = serializers.ListField(child=serializers.ChoiceField(Kind.choices))
    permits = PermissionShape(many=True)
    state = serializers.ChoiceField(CatalogState.choices)
    managed_from = ManagedFrom()


class _Systems:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = SystemFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[System]":
        """From the permissions of the catalog."""
        return permissions.visible_systems(self.actor, self.now).annotate(managed_from=managed.file_of(System.NOUN))


class SystemList(_Systems, bases.ListEndpoint):
    """Systems: active ones, and any that the caller owns or oversees."""

    operations = {"GET": Operation("system_list", "List systems", Scope.READ, SystemShape, listed=True)}


class SystemExport(_Systems, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("system_export", "Export systems", Scope.EXPORT, None)}
    table = tables.SYSTEMS


class SystemDetail(_Systems, bases.OneEndpoint):
    """One system."""

    operations = {"GET": Operation("system_read", "Read a system", Scope.READ, SystemShape, conditional=True)}


class _Entitlements:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = EntitlementFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Entitlement]":
        """From the permissions of the catalog."""
        seen = permissions.visible_entitlements(self.actor, self.now).select_related("system")
        return seen.annotate(managed_from=managed.file_of(Entitlement.NOUN))


class EntitlementList(_Entitlements, bases.ListEndpoint):
    """Entitlements: what can be asked for, and any that the caller owns or oversees."""

    operations = {"GET": Operation("entitlement_list", "List entitlements", Scope.READ, EntitlementShape, listed=True)}


class EntitlementExport(_Entitlements, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("entitlement_export", "Export entitlements", Scope.EXPORT, None)}
    table = tables.ENTITLEMENTS


class EntitlementDetail(_Entitlements, bases.OneEndpoint):
    """One entitlement."""

    operations = {
        "GET": Operation("entitlement_read", "Read an entitlement", Scope.READ, EntitlementShape, conditional=True)
    }
