"""The filters of approval steps and delegations, shared by page, API and export."""

import django_filters

from governance.approvals.models import ApprovalStep, Delegation
from governance.approvals.states import DELEGABLE, StepState
from governance.core.filters import Words
from governance.policy.states import StepKind


class StepFilter(django_filters.FilterSet):
    """By state and by whose decision is asked."""

    state = django_filters.ChoiceFilter(choices=StepState.choices, label="State")
    kind = django_filters.ChoiceFilter(choices=StepKind.choices, label="Whose decision is asked")

    class Meta:
        model = ApprovalStep
        fields: tuple[str, ...] = ()


class DelegationFilter(django_filters.FilterSet):
    """By words, and by what is delegated."""

    q = Words("delegator__name", "delegate__name", "reason", label="Search delegations", hint="Name, reason")
    kind = django_filters.ChoiceFilter(
        choices=[(kind.value, kind.label) for kind in DELEGABLE], label="As", empty_label="Anything"
    )

    class Meta:
        model = Delegation
        fields: tuple[str, ...] = ()
