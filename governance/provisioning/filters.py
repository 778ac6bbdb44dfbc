"""The filters of people's tasks, shared by page, API and export."""

import django_filters
from django.db.models import Q, QuerySet
from django.forms import TextInput

from governance.provisioning.models import ManualTask
from governance.provisioning.states import WAITING, ManualState

GROUPS = {"waiting": WAITING}
STATES = [("waiting", "Waiting"), *ManualState.choices]


class ManualTaskFilter(django_filters.FilterSet):
    """By words, and by state or group of states."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search tasks",
        widget=TextInput(attrs={"type": "search", "placeholder": "System, entitlement, account"}),
    )
    state = django_filters.ChoiceFilter(method="filter_state", choices=STATES, label="State", empty_label="Any state")

    class Meta:
        model = ManualTask
        fields: tuple[str, ...] = ()

    def filter_words(self, tasks: "QuerySet[ManualTask]", _name: str, words: str) -> "QuerySet[ManualTask]":
        """Those in which every word occurs: system, entitlement, account or holder."""
        for word in words.split():
            tasks = tasks.filter(
                Q(task__assignment__entitlement__name__icontains=word)
                | Q(task__assignment__entitlement__system__name__icontains=word)
                | Q(task__assignment__account__login__icontains=word)
                | Q(task__assignment__account__identity__name__icontains=word)
            )
        return tasks

    def filter_state(self, tasks: "QuerySet[ManualTask]", _name: str, state: str) -> "QuerySet[ManualTask]":
        """Those in the state, or in one of a group."""
        return tasks.filter(state__in=GROUPS.get(state, {state}))
