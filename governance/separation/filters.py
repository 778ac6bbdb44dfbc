"""The filters of separation, shared by page, API and export."""

import django_filters

from governance.catalog.states import Risk
from governance.core.filters import States, Words
from governance.separation.models import Mitigation, SeparationRule, SeparationViolation
from governance.separation.states import STANDING, MitigationState, ViolationState


class ViolationFilter(django_filters.FilterSet):
    """By words, state or group of states, severity and rule."""

    q = Words(
        "rule__key",
        "rule__title",
        "identity__name",
        "left__name",
        "right__name",
        reference="V-",
        label="Search violations",
        hint="Rule, identity, entitlement",
    )
    state = States([("standing", "Both sides held"), *ViolationState.choices], {"standing": STANDING})
    severity = django_filters.ChoiceFilter(choices=Risk.choices, label="Severity", empty_label="Any severity")
    rule = django_filters.CharFilter(field_name="rule__key", label="Rule")

    class Meta:
        model = SeparationViolation
        fields: tuple[str, ...] = ()


class RuleFilter(django_filters.FilterSet):
    """By words."""

    q = Words("key", "title", label="Search rules", hint="Key, title")

    class Meta:
        model = SeparationRule
        fields: tuple[str, ...] = ()


class MitigationFilter(django_filters.FilterSet):
    """By words and state."""

    q = Words(
        "rule__key", "rule__title", "identity__name", reference="M-", label="Search mitigations", hint="Rule, identity"
    )
    state = States(MitigationState.choices)

    class Meta:
        model = Mitigation
        fields: tuple[str, ...] = ()
