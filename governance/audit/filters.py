"""The auditor's filters, shared by page, API and export."""

import django_filters
from django.db.models import QuerySet

from governance.audit import queries
from governance.audit.models import AuditEvent
from governance.core.filters import Moment


class ActionFilter(django_filters.CharFilter):
    """The beginning of an action, in any case of letters: actions are written in small ones, as the index has them."""

    def filter(self, events: "QuerySet[AuditEvent]", value: str) -> "QuerySet[AuditEvent]":
        """Those whose action begins so."""
        found: QuerySet[AuditEvent] = super().filter(events, value.lower() if value else value)
        return found


class EventFilter(django_filters.FilterSet):
    """By action or the beginning of one, subject, actor, half-open period, and text."""

    action = ActionFilter(lookup_expr="startswith", label="Action begins with")
    subject_kind = django_filters.CharFilter(label="Kind of subject")
    subject = django_filters.UUIDFilter(field_name="subject_id", label="Subject")
    actor_kind = django_filters.CharFilter(label="Kind of actor")
    actor = django_filters.UUIDFilter(field_name="actor_id", label="Actor")
    since = Moment(field_name="at", lookup_expr="gte", label="From")
    until = Moment(field_name="at", lookup_expr="lt", label="Before")
    text = django_filters.CharFilter(method="filter_text", label="Reason or name contains")

    class Meta:
        model = AuditEvent
        fields: tuple[str, ...] = ()

    def filter_text(self, events: "QuerySet[AuditEvent]", _name: str, text: str) -> "QuerySet[AuditEvent]":
        """Those whose reason or names contain the text."""
        return queries.saying(events, text)
