"""The filters of purposes, shared by page, API and export."""

import django_filters
from django.forms import HiddenInput

from governance.core.filters import Words
from governance.purposes.models import Purpose
from governance.purposes.querysets import PurposeQuerySet
from governance.purposes.states import PurposeState


class PurposeFilter(django_filters.FilterSet):
    """By words, state, and what it may justify."""

    q = Words("reference", "name", "description", label="Reference, name or description contains")
    state = django_filters.ChoiceFilter(choices=PurposeState.choices, label="State", empty_label="Any")
    justifies = django_filters.UUIDFilter(
        method="filter_justifies", label="May justify the entitlement", widget=HiddenInput
    )

    class Meta:
        model = Purpose
        fields: tuple[str, ...] = ()

    def filter_justifies(
        self, purposes: "PurposeQuerySet[Purpose]", _name: str, entitlement_id: object
    ) -> "PurposeQuerySet[Purpose]":
        """Those that may justify the entitlement."""
        return purposes.filter(pk__in=Purpose.objects.justifying(entitlement_id).values("pk"))  # type: ignore[arg-type]
