"""The filters of grants, shared by page, API and export."""

import django_filters

from governance.core.filters import Moment, States, Words
from governance.grants.models import Grant
from governance.grants.states import LIVE, UNPROVEN, GrantState
from governance.identities.states import Kind


class GrantFilter(django_filters.FilterSet):
    """By words, state or group of states, kind of holder, and the period in which they were leased."""

    q = Words(
        "entitlement__name",
        "entitlement__system__name",
        "identity__name",
        "purpose__name",
        "purpose__reference",
        reference="G-",
        label="Search grants",
        hint="Entitlement, holder, purpose",
    )
    state = States(
        [("live", "Live"), ("unproven", "Unproven removal"), *GrantState.choices], {"live": LIVE, "unproven": UNPROVEN}
    )
    kind = django_filters.ChoiceFilter(
        field_name="identity__kind", choices=Kind.choices, label="Held by", empty_label="Any kind"
    )
    since = Moment(field_name="ends_at", lookup_expr="gt", label="Leased after")
    until = Moment(field_name="starts_at", lookup_expr="lt", label="Leased before")

    class Meta:
        model = Grant
        fields: tuple[str, ...] = ()
