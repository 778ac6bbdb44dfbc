"""The form of a calendar: working days and hours, and holidays a line each."""

from typing import Any

from django import forms

from governance.approvals.hours import CalendarDraft
from governance.approvals.models import Calendar

WEEKDAYS = (
    (1, "Monday"),
    (2, "Tuesday"),
    (3, "Wednesday"),
    (4, "Thursday"),
    (5, "Friday"),
    (6, "Saturday"),
    (7, "Sunday"),
)
LINES = {"rows": 6, "spellcheck": "false"}


class CalendarForm(forms.Form):
    """When is worked, and for whom it counts."""

    name = forms.CharField(label="Name", max_length=200)
    zone = forms.CharField(label="Time zone", max_length=64, help_text="Such as Europe/Berlin.")
    weekdays = forms.TypedMultipleChoiceField(
        label="Working days", choices=WEEKDAYS, coerce=int, widget=forms.CheckboxSelectMultiple
    )
    opens_at = forms.TimeField(label="From", help_text="Such as 09:00.")
    closes_at = forms.TimeField(label="To", help_text="Such as 17:00, on the same day.")
    holidays = forms.CharField(
        label="Holidays",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs=LINES),
        help_text="A line each, such as 2027-12-25 Christmas Day. Nobody is late on these days.",
    )
    departments = forms.CharField(
        label="For the departments",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs=LINES),
        help_text="A line each, as the source of people names them.",
    )
    general = forms.BooleanField(label="For everybody whose department has no calendar of its own", required=False)

    def draft(self) -> CalendarDraft:
        """What a valid form states."""
        given = self.cleaned_data
        return CalendarDraft(
            name=given["name"],
            zone=given["zone"],
            weekdays=tuple(given["weekdays"]),
            opens_at=given["opens_at"],
            closes_at=given["closes_at"],
            holidays=dict(_day(line) for line in _lines(given["holidays"])),
            departments=tuple(dict.fromkeys(_lines(given["departments"]))),
            general=given["general"],
        )


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _day(line: str) -> tuple[str, str]:
    """The date and the name of a holiday; the domain says if they are none."""
    day, _, name = line.partition(" ")
    return day, name.strip()


def stated(calendar: Calendar) -> dict[str, Any]:
    """A calendar as its form has it."""
    return {
        "name": calendar.name,
        "zone": calendar.zone,
        "weekdays": calendar.weekdays,
        "opens_at": f"{calendar.opens_at:%H:%M}",
        "closes_at": f"{calendar.closes_at:%H:%M}",
        "holidays": "\n".join(f"{day} {name}" for day, name in sorted(calendar.holidays.items())),
        "departments": "\n".join(calendar.departments),
        "general": calendar.general,
    }
