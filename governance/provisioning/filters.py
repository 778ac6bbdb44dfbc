"""The filters of people's tasks, shared by page, API and export."""

import django_filters

from governance.core.filters import States, Words
from governance.provisioning.models import ManualTask
from governance.provisioning.states import WAITING, ManualState


class ManualTaskFilter(django_filters.FilterSet):
    """By words, and by state or group of states."""

    q = Words(
        "task__assignment__entitlement__name",
        "task__assignment__entitlement__system__name",
        "task__assignment__account__login",
        "task__assignment__account__identity__name",
        label="Search tasks",
        hint="System, entitlement, account",
    )
    state = States([("waiting", "Waiting"), *ManualState.choices], {"waiting": WAITING})

    class Meta:
        model = ManualTask
        fields: tuple[str, ...] = ()
