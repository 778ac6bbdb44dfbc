"""The filters of grants, shared by page, API and export."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.forms import DateTimeInput, TextInput

from governance.grants.models import Grant
from governance.grants.states import LIVE, UNPROVEN, GrantState
from governance.identities.states import Kind

GROUPS = {"live": LIVE, "unproven": UNPROVEN}
STATES = [("live", "Live"), ("unproven", "Unproven removal"), *GrantState.choices]


class Moment(django_filters.IsoDateTimeFilter):
    """A day and minute in UTC: one end of a half-open period that leases overlap."""

    def __init__(self, **options: Any) -> None:
        widget = DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, error_messages={"invalid": "Give a day and a time."}, **options)


class GrantFilter(django_filters.FilterSet):
    """By words, state or group of states, kind of holder, and the period in which they were leased."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search grants",
        widget=TextInput(attrs={"type": "search", "placeholder": "Entitlement, holder, purpose"}),
    )
    state = django_filters.ChoiceFilter(method="filter_state", choices=STATES, label="State", empty_label="Any state")
    kind = django_filters.ChoiceFilter(
        field_name="identity__kind", choices=Kind.choices, label="Held by", empty_label="Any kind"
    )
    since = Moment(field_name="ends_at", lookup_expr="gt", label="Leased after")
    until = Moment(field_name="starts_at", lookup_expr="lt", label="Leased before")

    class Meta:
        model = Grant
        fields: tuple[str, ...] = ()

    def filter_words(self, grants: "QuerySet[Grant]", _name: str, words: str) -> "QuerySet[Grant]":
        """Those in which every word occurs: reference, entitlement, system, holder or purpose."""
        for word in words.split():
            grants = grants.filter(
                Q(entitlement__name__icontains=word)
                | Q(entitlement__system__name__icontains=word)
                | Q(identity__name__icontains=word)
                | Q(purpose__name__icontains=word)
                | Q(purpose__reference__icontains=word)
                | numbered(word, "G-")
            )
        return grants

    def filter_state(self, grants: "QuerySet[Grant]", _name: str, state: str) -> "QuerySet[Grant]":
        """Those in the state, or in one of a group."""
        return grants.filter(state__in=GROUPS.get(state, {state}))


def numbered(word: str, prefix: str, reach: str = "") -> Q:
    """The condition that a word is the reference of a row, such as G-19862, reached by a lookup prefix."""
    digits = word.upper().removeprefix(prefix)
    return Q(**{f"{reach}number": int(digits)}) if digits.isdecimal() and len(digits) < 18 else Q(pk__in=[])  # noqa: PLR2004 - bigint
