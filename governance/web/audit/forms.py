"""The auditor's filters as a page asks for them."""

import django_filters
from django.forms import Form, HiddenInput, TextInput

from governance.audit.filters import ActionFilter, EventFilter
from governance.audit.models import AuditEvent
from governance.core.actor import ActorKind

ACTORS = {ActorKind.HUMAN: "Humans", ActorKind.MACHINE: "Machine identities", ActorKind.SYSTEM: "The portal itself"}


class EventForm(Form):
    """The fields in the order in which they are asked; the two that only links fill in are last."""

    field_order = ("q", "action", "actor_kind", "since", "until", "subject", "actor")


class EventPageFilter(EventFilter):
    """The same filters, with the few that a page shows first."""

    q = django_filters.CharFilter(
        method="filter_text",
        label="Search reasons and names",
        widget=TextInput(attrs={"type": "search", "placeholder": "Reason or name"}),
    )
    action = ActionFilter(
        lookup_expr="startswith",
        label="Event begins with",
        widget=TextInput(attrs={"placeholder": "grant.", "size": 14}),
    )
    actor_kind = django_filters.ChoiceFilter(choices=list(ACTORS.items()), label="By", empty_label="Anybody")
    subject = django_filters.UUIDFilter(field_name="subject_id", widget=HiddenInput)
    actor = django_filters.UUIDFilter(field_name="actor_id", widget=HiddenInput)
    text = None
    subject_kind = None

    class Meta:
        model = AuditEvent
        form = EventForm
        fields: tuple[str, ...] = ()
