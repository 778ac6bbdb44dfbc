"""The period that figures are shown of: as the visitor chose it, or the last ninety days."""

from datetime import UTC, date, datetime, time, timedelta

from django import forms

from governance.core.filters import USUAL_PERIOD


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class PeriodForm(forms.Form):
    """From the begin of one day, UTC, to the end of another."""

    since = _day("From")
    until = _day("To")

    def clean(self) -> dict[str, date | None]:
        """Both days in their order."""
        said = super().clean() or {}
        since, until = said.get("since"), said.get("until")
        if since and until and until < since:
            self.add_error("until", "A period ends later than it begins.")
        return said

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """The half-open period; the usual one for what is left out or can't be read."""
        said = self.cleaned_data if self.is_valid() else {}
        last: date | None = said.get("until")
        first: date | None = said.get("since")
        until = _midnight(last) + timedelta(days=1) if last and last < date.max else now
        since = (
            _midnight(first) if first else max(until, datetime.min.replace(tzinfo=UTC) + USUAL_PERIOD) - USUAL_PERIOD
        )
        return min(since, until), until


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
