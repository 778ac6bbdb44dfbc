"""The forms of bundles. They check what was sent, and save nothing."""

from typing import Any

from django import forms

from governance.web.changes.forms import ProposalForm
from governance.web.purposes.forms import Day, OwnedForm, midnight

LINES = {"rows": 6, "spellcheck": "false"}


def _keys(text: str) -> list[str]:
    return sorted({line.strip() for line in text.splitlines() if line.strip()})


class BundleForm(ProposalForm):
    """What a bundle holds and who matches it."""

    name = forms.CharField(label="Name", max_length=200)
    description = forms.CharField(
        label="Description", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    entitlements = forms.CharField(
        label="Entitlements",
        required=False,
        widget=forms.Textarea(attrs=LINES),
        help_text="One a line, as system/entitlement.",
    )
    bundles = forms.CharField(
        label="Includes",
        required=False,
        widget=forms.Textarea(attrs={**LINES, "rows": 3}),
        help_text="Other bundles by their keys, one a line.",
    )
    birthright = forms.BooleanField(label="A birthright of whoever matches", required=False)
    criteria = forms.CharField(
        label="Who matches",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="A condition over the identity, such as identity.department == 'Finance'. Empty: anybody.",
    )
    review_at = Day(label="Review", help_text="Within a year.")
    field_order = [
        "key", "name", "description", "owner", "entitlements", "bundles", "birthright", "criteria", "review_at",
        "reason", "token",
    ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        given = self.cleaned_data
        return {
            **{name: given[name] for name in ("name", "description", "birthright", "criteria")},
            **{name: _keys(given[name]) for name in ("entitlements", "bundles")},
            "review_at": midnight(given["review_at"]),
        }


class NewBundleForm(OwnedForm, BundleForm):
    """The same, with its key and who is to answer for it."""

    key = forms.CharField(label="Key", max_length=64, help_text="Small letters, digits and hyphens. It stays.")

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        return {**super().payload(), "key": self.cleaned_data["key"], **self.owned()}


def initial(values: dict[str, Any]) -> dict[str, Any]:
    """A bundle's plain values as the form shows them."""
    lines = {name: "\n".join(values[name]) for name in ("entitlements", "bundles")}
    return {**values, **lines, "review_at": values["review_at"][:10]}
