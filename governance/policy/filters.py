"""The filters of rules, shared by page, API and export."""

import django_filters
from django.db.models import Q, QuerySet

from governance.core.filters import Words
from governance.policy.listing import RuleState
from governance.policy.models import PolicyRule
from governance.policy.states import Mode


class RuleFilter(django_filters.FilterSet):
    """By words, how a rule stands and how far it reaches; of rules as `listing.listed` answers them."""

    q = Words("key", "title", "owner_name", label="Search rules", hint="Key, title, owner")
    state = django_filters.ChoiceFilter(
        choices=RuleState.choices, label="State", empty_label="Any state", method="standing"
    )
    mode = django_filters.ChoiceFilter(choices=Mode.choices, label="Mode", empty_label="Any mode", method="reaching")

    class Meta:
        model = PolicyRule
        fields: tuple[str, ...] = ()

    def standing(self, rows: "QuerySet[PolicyRule]", _name: str, value: str) -> "QuerySet[PolicyRule]":
        """Those that stand so."""
        return rows.filter(Q(("stands", value)))

    def reaching(self, rows: "QuerySet[PolicyRule]", _name: str, value: str) -> "QuerySet[PolicyRule]":
        """Those whose version in force reaches so far."""
        return rows.filter(Q(("mode", value)))
