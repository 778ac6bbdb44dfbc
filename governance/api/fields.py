"""Fields that take what the documentation says and nothing that only looks like it."""

import re
from base64 import b64decode
from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
UUID_SHAPE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
MOST_TEXT = 4000


class Text(serializers.CharField):
    """A text; numbers are none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"trim_whitespace": False, "max_length": MOST_TEXT, **options})

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Id(serializers.UUIDField):
    """An identifier in its canonical form."""

    def to_internal_value(self, data: Any) -> Any:
        """The identifier. Raises ValidationError."""
        if not isinstance(data, str) or not UUID_SHAPE.fullmatch(data):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    """A moment with its offset from UTC (RFC 3339)."""

    def to_internal_value(self, value: Any) -> Any:
        """The moment. Raises ValidationError."""
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            self.fail("invalid", format="2026-11-21T18:00:00Z")
        return super().to_internal_value(value)


class Whole(serializers.IntegerField):
    """A whole number; a text of digits is none."""

    def to_internal_value(self, data: Any) -> int:
        """The number. Raises ValidationError."""
        if isinstance(data, bool) or not isinstance(data, int | float) or data != data // 1:
            self.fail("invalid")
        return int(super().to_internal_value(int(data)))


class Seconds(serializers.IntegerField):
    """A length of time in whole seconds, as it is told."""

    def to_representation(self, value: timedelta) -> int:  # type: ignore[override]  # told, never taken
        """The seconds."""
        return int(value.total_seconds())


@extend_schema_field({"type": "string", "format": "byte", "contentEncoding": "base64", "minLength": 4})
class Content(serializers.Field):  # type: ignore[type-arg]  # not generic at run time
    """The bytes of a file, as base64 (RFC 4648)."""

    default_error_messages: ClassVar = {
        "invalid": "Not base64.",
        "too_large": "The file has more than {most} bytes.",
    }

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    def to_internal_value(self, data: Any) -> bytes:
        """The bytes. Raises ValidationError."""
        try:
            content = b64decode(data, validate=True) if isinstance(data, str) else None
        except ValueError:
            content = None
        if not content:
            self.fail("invalid")
        if len(content) > self.most:
            self.fail("too_large", most=self.most)
        return content


class Shape(serializers.Serializer):  # type: ignore[type-arg]  # not generic at run time
    """An object of named fields."""


class Body(Shape):
    """What is sent: the named fields and no other."""

    def to_internal_value(self, data: Any) -> Any:
        """The fields. Raises ValidationError, also for a name that means nothing here."""
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)
