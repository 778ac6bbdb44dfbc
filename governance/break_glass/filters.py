"""The filters of break-glass, shared by page, API and export."""

import django_filters

from governance.break_glass.models import BreakGlass
from governance.break_glass.states import GlassState
from governance.core.filters import Moment, States, Words


class GlassFilter(django_filters.FilterSet):
    """By words, state, and when it was taken."""

    q = Words(
        "holder__name",
        "incident",
        "grant__entitlement__name",
        "grant__entitlement__system__name",
        "grant__purpose__reference",
        reference="B-",
        label="Search break-glass",
        hint="Holder, incident, entitlement",
    )
    state = States(GlassState.choices)
    since = Moment(field_name="taken_at", lookup_expr="gte", label="Taken from")
    until = Moment(field_name="taken_at", lookup_expr="lt", label="Taken before")

    class Meta:
        model = BreakGlass
        fields: tuple[str, ...] = ()
