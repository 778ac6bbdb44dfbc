"""Calendars: the working hours in which the times of approval steps are counted."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.approvals import permissions
from governance.approvals.models import Calendar
from governance.core.errors import NotFound
from governance.core.paging import Keyset
from governance.users.states import Scope


@extend_schema_field({"type": "string", "pattern": r"^\d{2}:\d{2}$", "description": "By the clock of the zone."})
class TimeOfDay(serializers.TimeField):
    """A time as a clock shows it. JSON Schema's `time` has an offset, which a calendar's has not."""

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class CalendarShape(Shape):
    """When is worked, and for whom it counts: those in some departments, or everybody else."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    zone = serializers.CharField(help_text="A name of the IANA time zone database.")
    weekdays = serializers.ListField(child=serializers.IntegerField(), help_text="1 is Monday.")
    opens_at = TimeOfDay()
    closes_at = TimeOfDay()
    holidays = serializers.DictField(child=serializers.CharField(), help_text="Names by their dates.")
    departments = serializers.ListField(child=serializers.CharField())
    general = serializers.BooleanField()


class _Calendars:
    """What all of them have in common."""

    tag = "Approvals"
    keyset = Keyset(("name", "id"), descending=False)
    filters = NoFilter
    actor: Any

    def visible(self) -> "QuerySet[Calendar]":
        """From the permissions of approvals. Raises NotFound for those who see none."""
        if not permissions.sees_calendars(self.actor):
            raise NotFound
        return Calendar.objects.all()


class CalendarList(_Calendars, bases.ListEndpoint):
    """All calendars, by name."""

    operations = {"GET": Operation("calendar_list", "List calendars", Scope.READ, CalendarShape, listed=True)}


class CalendarDetail(_Calendars, bases.OneEndpoint):
    """One calendar."""

    operations = {"GET": Operation("calendar_read", "Read a calendar", Scope.READ, CalendarShape, conditional=True)}
