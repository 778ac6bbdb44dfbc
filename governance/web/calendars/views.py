"""Calendars: the working hours in which the times of approval steps are counted."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.approvals import actions, permissions
from governance.approvals.models import Calendar
from governance.core.errors import NotFound
from governance.web import bases
from governance.web.calendars.forms import WEEKDAYS, CalendarForm, stated
from governance.web.present import counted


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    url: str
    name: str
    zone: str
    days: str
    hours: str
    holidays: str
    people: str


def _row(calendar: Calendar) -> Row:
    names = dict(WEEKDAYS)
    departments = ", ".join(calendar.departments)
    return Row(
        url=reverse("calendar-edit", args=[calendar.pk]),
        name=calendar.name,
        zone=calendar.zone,
        days=", ".join(names[day] for day in sorted(calendar.weekdays)),
        hours=f"{calendar.opens_at:%H:%M} to {calendar.closes_at:%H:%M}",
        holidays=counted(len(calendar.holidays), "holiday"),
        people="; ".join(part for part in (departments, "everybody else" if calendar.general else "") if part),
    )


class CalendarList(bases.Page):
    """All of them."""

    http_method_names = bases.READS
    template_name = "calendars/list.html"

    def get(self, _request: HttpRequest) -> HttpResponse:
        """The list, which is short."""
        if not permissions.sees_calendars(self.actor):
            raise NotFound
        rows = [_row(calendar) for calendar in Calendar.objects.order_by("name")]
        return self.draw({"rows": rows, "keeps": permissions.keeps_calendars(self.actor)})


class _Calendar(bases.FormPage):
    """The form of a calendar."""

    template_name = "calendars/form.html"
    form_class = CalendarForm

    def calendar(self) -> Calendar | None:
        """The calendar that is changed; None where one is entered."""
        return None

    def act(self, form: Any) -> HttpResponse:
        """Keep it."""
        found = self.calendar()
        kept = actions.keep_calendar(
            calendar_id=found.pk if found else None, draft=form.draft(), actor=self.actor, now=self.now
        )
        messages.success(self.request, f"{kept} is kept. Steps that open from now on count by it.")
        return redirect("calendar-list")

    def show(self, form: Form, *, status: int = 200) -> HttpResponse:
        """The form, for those who may send it."""
        permissions.require_calendars(self.actor)
        found = self.calendar()
        title, back = found.name if found else "A new calendar", reverse("calendar-list")
        return self.draw({"form": form, "title": title, "back": back}, status=status)


class CalendarNew(_Calendar):
    """Entering a calendar."""


class CalendarEdit(_Calendar):
    """Changing a calendar."""

    def calendar(self) -> Calendar:
        """The calendar of the address. Raises NotFound."""
        if not permissions.sees_calendars(self.actor):
            raise NotFound
        found: Calendar = bases.found(Calendar.objects.all(), self.kwargs["pk"])
        return found

    def form(self, data: Any = None) -> Form:
        """With what it says now."""
        form = CalendarForm(data)
        form.initial = stated(self.calendar())
        return form
