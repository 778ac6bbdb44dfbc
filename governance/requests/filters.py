"""The filters of access requests, shared by page, API and export."""

import django_filters
from django.db.models import QuerySet
from django.forms import TextInput

from governance.core.filters import States
from governance.core.querysets import saying
from governance.requests.models import AccessRequest, RequestItem
from governance.requests.states import OPEN_REQUESTS, RequestState

STATES = [("open", "Open"), *((state.value, state.label) for state in RequestState if state != RequestState.DRAFT)]
SAID = (
    "entitlement__name",
    "entitlement__system__name",
    "request__beneficiary__name",
    "request__purpose__name",
    "request__purpose__reference",
)


class RequestFilter(django_filters.FilterSet):
    """By words and state."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search requests",
        widget=TextInput(attrs={"type": "search", "placeholder": "Entitlement, holder, purpose"}),
    )
    state = States(STATES, {"open": OPEN_REQUESTS})

    class Meta:
        model = AccessRequest
        fields: tuple[str, ...] = ()

    def filter_words(self, requests: "QuerySet[AccessRequest]", _name: str, words: str) -> "QuerySet[AccessRequest]":
        """Those with an item in which every word occurs."""
        return requests.filter(pk__in=matching_items(words).values("request"))


def matching_items(words: str) -> "QuerySet[RequestItem]":
    """Items in which every word occurs: reference, entitlement, system, holder or purpose."""
    return RequestItem.objects.filter(saying(words, SAID, reference="R-", number="request__number"))
