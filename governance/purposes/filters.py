"""The filters of purposes, shared by page, API and export."""

import django_filters
from django.db.models import Q

from governance.purposes.models import Purpose
from governance.purposes.querysets import PurposeQuerySet
from governance.purposes.states import PurposeState


class PurposeFilter(django_filters.FilterSet):
    """By words, state, and what it may justify."""

    q = django_filters.CharFilter(method="filter_words", label="Reference, name or description contains")
    state = django_filters.ChoiceFilter(choices=PurposeState.choices, label="State")
    justifies = django_filters.UUIDFilter(method="filter_justifies", label="May justify the entitlement")

    class Meta:
        model = Purpose
        fields: tuple[str, ...] = ()

    def filter_words(self, purposes: "PurposeQuerySet[Purpose]", _name: str, words: str) -> "PurposeQuerySet[Purpose]":
        """Those in which every word occurs."""
        for word in words.split():
            said = Q(reference__icontains=word) | Q(name__icontains=word) | Q(description__icontains=word)
            purposes = purposes.filter(said)
        return purposes

    def filter_justifies(
        self, purposes: "PurposeQuerySet[Purpose]", _name: str, entitlement_id: object
    ) -> "PurposeQuerySet[Purpose]":
        """Those that may justify the entitlement."""
        return purposes.filter(pk__in=Purpose.objects.justifying(entitlement_id).values("pk"))  # type: ignore[arg-type]
