"""The filters of a replay's findings, shared by page, API and export."""

import django_filters
from django.db.models import QuerySet

from governance.analysis.models import Finding
from governance.analysis.states import Source
from governance.core.filters import Words
from governance.policy.states import Change


class FindingFilter(django_filters.FilterSet):
    """By words, by what would change, and by what was decided."""

    q = Words("holder", "entitlement", "system", "reference", label="Search findings", hint="Holder, access, G-1001")
    change = django_filters.ChoiceFilter(
        choices=Change.choices, label="Change", empty_label="Any change", method="differing"
    )
    source = django_filters.ChoiceFilter(choices=Source.choices, label="Of", empty_label="Requests and grants")

    class Meta:
        model = Finding
        fields: tuple[str, ...] = ()

    def differing(self, rows: "QuerySet[Finding]", _name: str, value: str) -> "QuerySet[Finding]":
        """Those that would differ so, whatever else."""
        return rows.filter(changes__contains=[value])
