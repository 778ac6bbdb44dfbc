"""The filters of identities, shared by page, API and export."""

import django_filters

from governance.core.filters import Words
from governance.identities.models import Identity
from governance.identities.states import Environment, Kind, Status


class IdentityFilter(django_filters.FilterSet):
    """By words, kind, state, environment and manager."""

    q = Words("name", "email", "external_key", "canonical_identifier", label="Name, e-mail, key or identifier contains")
    kind = django_filters.ChoiceFilter(choices=Kind.choices, label="Kind")
    state = django_filters.ChoiceFilter(choices=Status.choices, label="State")
    environment = django_filters.ChoiceFilter(choices=Environment.choices, label="Environment")
    manager = django_filters.UUIDFilter(field_name="manager_id", label="Manager")

    class Meta:
        model = Identity
        fields: tuple[str, ...] = ()
