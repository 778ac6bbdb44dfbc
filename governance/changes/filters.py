"""The filters of proposed changes, shared by page, API and export."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import TextInput

from governance.changes.kinds import known
from governance.changes.models import ProposedChange
from governance.changes.queries import matching
from governance.changes.states import ChangeState


def _kinds() -> list[tuple[str, str]]:
    return sorted((kind.name, kind.title) for kind in known().values())


class ChangeFilter(django_filters.FilterSet):
    """By words, kind, state and subject."""

    q = django_filters.CharFilter(
        method="filter_words",
        label="Search changes",
        widget=TextInput(attrs={"type": "search", "placeholder": "Thing, proposer, reason"}),
    )
    kind = django_filters.ChoiceFilter(choices=_kinds, label="Change", empty_label="Any change")
    state = django_filters.ChoiceFilter(choices=ChangeState.choices, label="State", empty_label="Any state")

    class Meta:
        model = ProposedChange
        fields: tuple[str, ...] = ()

    def filter_words(self, changes: "QuerySet[Any]", _name: str, words: str) -> "QuerySet[Any]":
        """Those in which every word occurs."""
        return changes.filter(pk__in=matching(words).values("pk"))
