"""What the filters of several lists are made of."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import DateTimeInput, TextInput
from django_filters.fields import IsoDateTimeField

from governance.core.querysets import saying

M = TypeVar("M", bound=Model)

USUAL_PERIOD: Final = timedelta(days=90)
"""What figures are told of where nobody says of which time."""


class Words(django_filters.CharFilter):
    """Rows in which every word occurs in one of the fields, or is the reference; `hint` stands in the empty field."""

    def __init__(self, *fields: str, reference: str = "", hint: str = "", **options: Any) -> None:
        self.fields, self.reference = fields, reference
        widget = TextInput(attrs={"type": "search", "placeholder": hint})
        super().__init__(**({"widget": widget} if hint else {}), **options)

    def filter(self, rows: "QuerySet[M]", value: str) -> "QuerySet[M]":
        """Those that say all of it."""
        return rows.filter(saying(value, self.fields, reference=self.reference)) if value else rows


class MomentField(IsoDateTimeField):
    """A moment in UTC, whatever offset it is given with: the database knows fewer offsets than there are."""

    def to_python(self, value: Any) -> datetime | None:
        """The moment. Raises ValidationError."""
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class Moment(django_filters.IsoDateTimeFilter):
    """A day and minute in UTC: one end of a half-open period."""

    field_class = MomentField

    def __init__(self, **options: Any) -> None:
        widget = DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, error_messages={"invalid": "Give a day and a time."}, **options)


class States(django_filters.ChoiceFilter):
    """By state, or by a group of states that has a name of its own."""

    def __init__(
        self, states: Sequence[tuple[str, str]], groups: Mapping[str, Collection[str]] | None = None, **options: Any
    ) -> None:
        self.groups = groups or {}
        super().__init__(choices=states, label="State", empty_label="Any state", **options)

    def filter(self, rows: "QuerySet[M]", value: str) -> "QuerySet[M]":
        """Those in the state, or in one of the group."""
        return rows.filter(state__in=self.groups.get(value, {value})) if value else rows
