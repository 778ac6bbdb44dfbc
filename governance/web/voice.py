"""What forms say by themselves: short, and what to do. Fields that know better say so where they are made."""

from collections.abc import Mapping
from typing import Final

from django import forms

MESSAGES: Final[Mapping[type[forms.Field], Mapping[str, str]]] = {
    forms.Field: {"required": "Fill this in."},
    forms.ChoiceField: {"invalid_choice": "Choose one that is offered."},
    forms.ModelChoiceField: {"invalid_choice": "Choose one that is offered."},
}


def speak() -> None:
    """Give the portal's own words to every form, also to those that come with a library. Safe to run twice."""
    for field, messages in MESSAGES.items():
        field.default_error_messages = {**field.default_error_messages, **messages}
