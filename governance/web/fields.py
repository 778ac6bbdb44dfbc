"""Fields that the forms of several areas have."""

from datetime import UTC, timedelta
from typing import Any

from django import forms

from governance.policy.words import length, seconds


class OwnWords(forms.CharField):
    """A few lines in somebody's own words. `needed` is said to whoever leaves it empty; without it they may."""

    def __init__(
        self, needed: str = "", *, label: str = "Reason", rows: int = 3, max_length: int = 2000, **options: Any
    ) -> None:
        super().__init__(
            label=label,
            max_length=max_length,
            required=bool(needed),
            widget=forms.Textarea(attrs={"rows": rows}),
            error_messages={"required": needed} if needed else None,
            **options,
        )


class AtMinute(forms.DateTimeField):
    """A moment to the minute, in UTC, as browsers let one enter it."""

    def __init__(self, **options: Any) -> None:
        said = {"invalid": "Give a day and a time, such as 2027-06-30 18:00.", **options.pop("error_messages", {})}
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, error_messages=said, **options)

    def clean(self, value: Any) -> Any:
        """The moment in UTC. Raises ValidationError."""
        moment = super().clean(value)
        return moment.astimezone(UTC) if moment else None


class Length(forms.CharField):
    """A length of time as people write it: "30 days", "8 hours", "36 hours 30 minutes"."""

    def to_python(self, value: Any) -> Any:
        """Its whole seconds. Raises ValidationError."""
        words = super().to_python(value)
        if not words:
            return None
        try:
            return seconds(words)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def prepare_value(self, value: Any) -> Any:
        """As it is written."""
        return length(timedelta(seconds=value)) if isinstance(value, int) else value
