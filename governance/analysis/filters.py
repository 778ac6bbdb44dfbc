"""The filters of what replays and surveys have found, shared by page, API and export."""

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.forms import Select

from governance.analysis.models import Finding, RoleSuggestion, StaleFinding
from governance.analysis.states import FoundState, Source, Stale
from governance.catalog.models import System
from governance.catalog.states import CatalogState
from governance.core.filters import Words
from governance.identities.models import Ownership
from governance.lifecycle.states import Fate
from governance.policy.states import Change


class FindingFilter(django_filters.FilterSet):
    """By words, by what would change, by what was decided, and by what publishing would mean to a live lease."""

    q = Words("holder", "entitlement", "system", "reference", label="Search findings", hint="Holder, access, G-1001")
    change = django_filters.ChoiceFilter(
        choices=Change.choices, label="Change", empty_label="Any change", method="differing"
    )
    source = django_filters.ChoiceFilter(choices=Source.choices, label="Of", empty_label="Requests and grants")
    fate = django_filters.ChoiceFilter("after__fate", choices=Fate.choices, label="Live lease", empty_label="Any fate")

    class Meta:
        model = Finding
        fields: tuple[str, ...] = ()

    def differing(self, rows: "QuerySet[Finding]", _name: str, value: str) -> "QuerySet[Finding]":
        """Those that would differ so, whatever else."""
        return rows.filter(changes__contains=[value])


def _state() -> django_filters.ChoiceFilter:
    return django_filters.ChoiceFilter(choices=FoundState.choices, label="State", empty_label="Still there")


class FoundFilter(django_filters.FilterSet):
    """By state; what is gone is left out unless it is asked for."""

    def filter_queryset(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those that fit all that was asked."""
        found: QuerySet[Any] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["state"] else found.exclude(state=FoundState.GONE)


def _systems() -> list[tuple[str, str]]:
    active = System.objects.filter(state=CatalogState.ACTIVE).order_by("name")
    return [("", "Any system"), *((str(pk), name) for pk, name in active.values_list("pk", "name"))]


class StaleFilter(FoundFilter):
    """By words, kind, system and owner as well."""

    q = Words(
        "subject", "holder__name", "system__name", reference="F-", label="Search findings", hint="Thing, holder, F-1001"
    )
    kind = django_filters.ChoiceFilter(choices=Stale.choices, label="What", empty_label="Anything")
    system = django_filters.UUIDFilter(
        field_name="system_id",
        label="System",
        widget=Select(choices=_systems),  # type: ignore[arg-type]  # Django calls it when it draws
    )
    owner = django_filters.CharFilter(method="filter_owner", label="Owner's name contains")
    state = _state()

    class Meta:
        model = StaleFinding
        fields: tuple[str, ...] = ()

    def filter_owner(self, rows: "QuerySet[StaleFinding]", _name: str, words: str) -> "QuerySet[StaleFinding]":
        """Those about things that somebody of the name, or a team of it, answers for now."""
        named = Q(identity__name__icontains=words) | Q(team__name__icontains=words)
        current = Q(ends_at__isnull=True) | Q(ends_at__gt=Now())
        owned = Ownership.objects.filter(named, current, starts_at__lte=Now())
        mine = owned.filter(subject_kind=OuterRef("owner_kind"), subject_id=OuterRef("owner_id"))
        return rows.filter(Exists(mine))


class SuggestionFilter(FoundFilter):
    """By words as well."""

    q = Words("department", "title", reference="RS-", label="Search suggestions", hint="Department, title, RS-1001")
    state = _state()

    class Meta:
        model = RoleSuggestion
        fields: tuple[str, ...] = ()
