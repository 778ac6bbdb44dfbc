"""The filters of approval steps, shared by API and export."""

import django_filters

from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState
from governance.policy.states import StepKind


class StepFilter(django_filters.FilterSet):
    """By state and by whose decision is asked."""

    state = django_filters.ChoiceFilter(choices=StepState.choices, label="State")
    kind = django_filters.ChoiceFilter(choices=StepKind.choices, label="Whose decision is asked")

    class Meta:
        model = ApprovalStep
        fields: tuple[str, ...] = ()
