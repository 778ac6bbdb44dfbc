from typing import Any

from django.db.models import BigIntegerField, Func, Value


class NextNumber(Func):
    """The next number of a named sequence, for references that people read aloud (G-19862)."""

    function = "nextval"

    def __init__(self, noun: str, **extra: Any) -> None:
        super().__init__(Value(f"governance_{noun}_number"), output_field=BigIntegerField(), **extra)
        self._constructor_args: tuple[tuple[str], dict[str, Any]] = ((noun,), {})
