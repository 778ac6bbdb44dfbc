"""The filters of the catalog, shared by page, API and export."""

import django_filters

from governance.catalog.models import Entitlement, System
from governance.catalog.querysets import EntitlementQuerySet
from governance.catalog.states import CatalogState, Risk
from governance.core.filters import Words
from governance.identities.states import Environment, Kind


class SystemFilter(django_filters.FilterSet):
    """By words, environment, risk and state."""

    q = Words("name", "key", "description", label="Name, key or description contains")
    environment = django_filters.ChoiceFilter(choices=Environment.choices, label="Environment")
    risk = django_filters.ChoiceFilter(choices=Risk.choices, label="Risk tier")
    state = django_filters.ChoiceFilter(choices=CatalogState.choices, label="State")

    class Meta:
        model = System
        fields: tuple[str, ...] = ()


class EntitlementFilter(django_filters.FilterSet):
    """By words, system, risk, kind of holder and state."""

    q = django_filters.CharFilter(method="filter_words", label="Name, key, description or system contains")
    system = django_filters.UUIDFilter(field_name="system_id", label="System")
    risk = django_filters.ChoiceFilter(choices=Risk.choices, label="Risk")
    kind = django_filters.ChoiceFilter(method="filter_kind", choices=Kind.choices, label="May be held by")
    state = django_filters.ChoiceFilter(choices=CatalogState.choices, label="State")

    class Meta:
        model = Entitlement
        fields: tuple[str, ...] = ()

    def filter_words(
        self, entitlements: "EntitlementQuerySet[Entitlement]", _name: str, words: str
    ) -> "EntitlementQuerySet[Entitlement]":
        """Those in which every word occurs."""
        return entitlements.matching(words)

    def filter_kind(
        self, entitlements: "EntitlementQuerySet[Entitlement]", _name: str, kind: str
    ) -> "EntitlementQuerySet[Entitlement]":
        """Those that the kind may hold."""
        return entitlements.holdable_by(kind)
