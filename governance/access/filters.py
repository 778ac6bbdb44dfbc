"""The filters of access, shared by page and API."""

import django_filters

from governance.access.models import Inclusion
from governance.core.filters import Words


class InclusionFilter(django_filters.FilterSet):
    """By words, and whether they stand."""

    q = Words(
        "entitlement__name",
        "entitlement__key",
        "conferred__name",
        "conferred__key",
        "source",
        label="Search inclusions",
        hint="Entitlement, source",
    )
    ended = django_filters.BooleanFilter(field_name="ended_at", lookup_expr="isnull", exclude=True, label="Ended")

    class Meta:
        model = Inclusion
        fields: tuple[str, ...] = ()
