"""Bundles: sets of entitlements for a job. They are proposed, edited and retired as changes (docs/changes.md)."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.shapes import ManagedFrom, NamedEntitlement
from governance.catalog import bundles, managed, permissions
from governance.catalog.filters import BundleFilter
from governance.catalog.models import Bundle
from governance.catalog.states import BundleState
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.users.states import Scope


class BundleShape(Shape):
    """A bundle by its names."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(BundleState.choices)
    managed_from = ManagedFrom()


class BundleValuesShape(Shape):
    """What its last version says. Entitlements are system/entitlement keys, bundles keys."""

    birthright = serializers.BooleanField()
    criteria = serializers.CharField()
    review_at = serializers.CharField()
    entitlements = serializers.ListField(child=serializers.CharField())
    bundles = serializers.ListField(child=serializers.CharField())


class WholeBundleShape(BundleShape):
    """A bundle with what its last version says, and all entitlements that it holds, by inclusion as well."""

    version = serializers.SerializerMethodField()
    says = serializers.SerializerMethodField()
    holds = serializers.SerializerMethodField()

    def get_version(self, bundle: Bundle) -> int:
        """The number of the last version."""
        return bundles.current_version(bundle).number

    def get_says(self, bundle: Bundle) -> Any:
        """Its fields."""
        return BundleValuesShape(bundles.values(bundle)).data

    def get_holds(self, bundle: Bundle) -> Any:
        """All that it holds, as far as the caller sees it."""
        seen = permissions.visible_entitlements(self.context["actor"], self.context["now"])
        held = seen.filter(pk__in=bundles.held_by([bundle.pk])).select_related("system")
        return NamedEntitlement(held.order_by("system__name", "name"), many=True).data


class _Bundles:
    """What all of them have in common."""

    tag = "Catalog"
    keyset = Keyset(("key",), descending=False)
    filters = BundleFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Bundle]":
        """From the permissions of the catalog."""
        return permissions.visible_bundles(self.actor, self.now).annotate(managed_from=managed.file_of(Bundle.NOUN))


class BundleList(_Bundles, bases.ListEndpoint):
    """Bundles that stand, and any that the caller owns or oversees."""

    operations = {"GET": Operation("bundle_list", "List bundles", Scope.READ, BundleShape, listed=True)}


class BundleExport(_Bundles, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("bundle_export", "Export bundles", Scope.EXPORT, None)}
    table = tables.BUNDLES

    def visible(self) -> "QuerySet[Bundle]":
        """The same, with their versions."""
        return super().visible().prefetch_related("versions")


class BundleDetail(_Bundles, bases.OneEndpoint):
    """One bundle."""

    operations = {"GET": Operation("bundle_read", "Read a bundle", Scope.READ, WholeBundleShape, conditional=True)}
