"""The filters of the catalog, shared by page, API and export."""

import django_filters
from django.db.models import Q
from django.db.models.functions import Now
from django.forms import Select

from governance.catalog.models import Bundle, Entitlement, System
from governance.catalog.querysets import EntitlementQuerySet
from governance.catalog.states import BundleState, CatalogState, Risk
from governance.core.filters import Words
from governance.identities.models import Ownership
from governance.identities.states import Environment, Kind


class SystemFilter(django_filters.FilterSet):
    """By words, environment, risk and state."""

    q = Words("name", "key", "description", label="Name, key or description contains")
    environment = django_filters.ChoiceFilter(choices=Environment.choices, label="Environment", empty_label="Any")
    risk = django_filters.ChoiceFilter(choices=Risk.choices, label="Risk tier", empty_label="Any")
    state = django_filters.ChoiceFilter(choices=CatalogState.choices, label="State", empty_label="Any")

    class Meta:
        model = System
        fields: tuple[str, ...] = ()


class BundleFilter(django_filters.FilterSet):
    """By words and state."""

    q = Words("name", "key", "description", label="Name, key or description contains")
    state = django_filters.ChoiceFilter(choices=BundleState.choices, label="State", empty_label="Any")

    class Meta:
        model = Bundle
        fields: tuple[str, ...] = ()


def _systems() -> list[tuple[str, str]]:
    """Active systems, for whoever chooses one from a list."""
    active = System.objects.filter(state=CatalogState.ACTIVE).order_by("name")
    return [("", "Any system"), *((str(pk), name) for pk, name in active.values_list("pk", "name"))]


class EntitlementFilter(django_filters.FilterSet):
    """By words, system, risk, privilege, owner, kind of holder and state."""

    q = django_filters.CharFilter(method="filter_words", label="Name, key, description or system contains")
    system = django_filters.UUIDFilter(
        field_name="system_id",
        label="System",
        widget=Select(choices=_systems),  # type: ignore[arg-type]  # Django calls it when it draws
    )
    risk = django_filters.ChoiceFilter(choices=Risk.choices, label="Risk", empty_label="Any")
    privileged = django_filters.ChoiceFilter(
        method="filter_privileged", choices=[("yes", "Yes"), ("no", "No")], label="Privileged", empty_label="Either"
    )
    owner = django_filters.CharFilter(method="filter_owner", label="Owner's name contains")
    kind = django_filters.ChoiceFilter(
        method="filter_kind", choices=Kind.choices, label="May be held by", empty_label="Any kind"
    )
    state = django_filters.ChoiceFilter(choices=CatalogState.choices, label="State", empty_label="Any")

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

    def filter_privileged(
        self, entitlements: "EntitlementQuerySet[Entitlement]", _name: str, said: str
    ) -> "EntitlementQuerySet[Entitlement]":
        """Those that give privileged access, or the others."""
        return entitlements.filter(privileged=said == "yes")

    def filter_owner(
        self, entitlements: "EntitlementQuerySet[Entitlement]", _name: str, words: str
    ) -> "EntitlementQuerySet[Entitlement]":
        """Those that somebody of the name, or a team of it, answers for now."""
        named = Q(identity__name__icontains=words) | Q(team__name__icontains=words)
        current = Q(ends_at__isnull=True) | Q(ends_at__gt=Now())
        owned = Ownership.objects.filter(named, current, subject_kind=Entitlement.NOUN, starts_at__lte=Now())
        return entitlements.filter(pk__in=owned.values("subject_id"))
