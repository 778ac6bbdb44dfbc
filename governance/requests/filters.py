"""The filters of access requests, shared by page, API and export."""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import TextInput

from governance.grants.filters import numbered
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import OPEN_REQUESTS, RequestState

STATES = [("open", "Open"), *((state.value, state.label) for state in RequestState if state != RequestState.DRAFT)]


class RequestFilter(django_filters.FilterSet):
    """By words and state."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search requests",
        widget=TextInput(attrs={"type": "search", "placeholder": "Entitlement, holder, purpose"}),
    )
    state = django_filters.ChoiceFilter(method="filter_state", choices=STATES, label="State", empty_label="Any state")

    class Meta:
        model = AccessRequest
        fields: tuple[str, ...] = ()

    def filter_words(self, requests: "QuerySet[AccessRequest]", _name: str, words: str) -> "QuerySet[AccessRequest]":
        """Those in which every word occurs: reference, entitlement, system, holder or purpose."""
        return requests.filter(pk__in=matching_items(words).values("request"))

    def filter_state(self, requests: "QuerySet[AccessRequest]", _name: str, state: str) -> "QuerySet[AccessRequest]":
        """Those in the state, or all that still wait."""
        return requests.filter(state__in=OPEN_REQUESTS if state == "open" else {state})


def matching_items(words: str) -> "QuerySet[RequestItem]":
    """Items in which every word occurs: reference, entitlement, system, holder or purpose."""
    items = RequestItem.objects.all()
    for word in words.split():
        items = items.filter(
            Q(entitlement__name__icontains=word)
            | Q(entitlement__system__name__icontains=word)
            | Q(request__beneficiary__name__icontains=word)
            | Q(request__purpose__name__icontains=word)
            | Q(request__purpose__reference__icontains=word)
            | numbered(word, "R-", "request__")
        )
    return items
