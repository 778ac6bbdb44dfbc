"""Words that a visitor searches for where no list has a filter of its own."""

from django import forms
from django.http import QueryDict


class SearchForm(forms.Form):
    """One field, which refuses what no text can hold."""

    q = forms.CharField(required=False)


def said(query: QueryDict) -> str | None:
    """The words, or None for what can't be read and so finds nothing."""
    form = SearchForm(query)
    return form.cleaned_data["q"] if form.is_valid() else None
