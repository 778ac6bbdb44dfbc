"""The filters of identities, shared by page, API and export."""

import django_filters
from django.db.models import Q

from governance.identities.models import Identity
from governance.identities.querysets import IdentityQuerySet
from governance.identities.states import Environment, Kind, Status


class IdentityFilter(django_filters.FilterSet):
    """By words, kind, state, environment and manager."""

    q = django_filters.CharFilter(method="filter_words", label="Name, e-mail, key or identifier contains")
    kind = django_filters.ChoiceFilter(choices=Kind.choices, label="Kind")
    state = django_filters.ChoiceFilter(choices=Status.choices, label="State")
    environment = django_filters.ChoiceFilter(choices=Environment.choices, label="Environment")
    manager = django_filters.UUIDFilter(field_name="manager_id", label="Manager")

    class Meta:
        model = Identity
        fields: tuple[str, ...] = ()

    def filter_words(
        self, identities: "IdentityQuerySet[Identity]", _name: str, words: str
    ) -> "IdentityQuerySet[Identity]":
        """Those in which every word occurs."""
        for word in words.split():
            identities = identities.filter(
                Q(name__icontains=word)
                | Q(email__icontains=word)
                | Q(external_key__icontains=word)
                | Q(canonical_identifier__icontains=word)
            )
        return identities
