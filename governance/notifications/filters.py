"""The filters of the inbox."""

import django_filters
from django.db.models import QuerySet

from governance.notifications.models import Notification


class NotificationFilter(django_filters.FilterSet):
    """Everything, or what has not been opened."""

    read = django_filters.ChoiceFilter(
        method="filter_read", choices=[("no", "Unread")], label="Show", empty_label="Everything"
    )

    class Meta:
        model = Notification
        fields: tuple[str, ...] = ()

    def filter_read(self, found: "QuerySet[Notification]", _name: str, _value: str) -> "QuerySet[Notification]":
        """Those that have not been opened: there is no other choice."""
        return found.filter(read_at__isnull=True)
