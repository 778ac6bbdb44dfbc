"""Fields that the forms of several areas have."""

from typing import Any

from django import forms


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
