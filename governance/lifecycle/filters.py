"""The filters of files that were handed in, shared by page, API and export."""

import django_filters
from django.db.models import QuerySet
from django.forms import TextInput

from governance.grants.filters import numbered
from governance.lifecycle.models import FeedRun
from governance.lifecycle.states import RunState


class RunFilter(django_filters.FilterSet):
    """By words, source and state."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search files",
        widget=TextInput(attrs={"type": "search", "placeholder": "File, source, F-1001"}),
    )
    state = django_filters.ChoiceFilter(choices=RunState.choices, label="State", empty_label="Any state")

    class Meta:
        model = FeedRun
        fields: tuple[str, ...] = ()

    def filter_words(self, runs: "QuerySet[FeedRun]", _name: str, words: str) -> "QuerySet[FeedRun]":
        """Those in which every word occurs: reference, file or source."""
        for word in words.split():
            named = runs.filter(file_name__icontains=word) | runs.filter(source__name__icontains=word)
            runs = named | runs.filter(numbered(word, "F-"))
        return runs
