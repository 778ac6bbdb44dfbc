"""The forms that propose another shape of an entitlement or a system, and a new entitlement."""

from typing import Any

from django import forms

from governance.catalog.states import Risk
from governance.identities.states import Environment, Kind
from governance.web.changes.forms import ProposalForm
from governance.web.fields import Length
from governance.web.purposes.forms import OwnedForm


class EntitlementForm(ProposalForm):
    """What the catalog says of an entitlement."""

    name = forms.CharField(label="Name", max_length=200)
    description = forms.CharField(
        label="Description", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), help_text="For requesters."
    )
    risk = forms.ChoiceField(label="Risk", choices=Risk.choices)
    privileged = forms.BooleanField(label="Gives privileged access", required=False)
    longest_lease_seconds = Length(label="Longest lease", help_text="Such as 30 days or 8 hours.")
    review_cadence_seconds = Length(label="Reviewed every", help_text="Such as 90 days.")
    allowed_kinds = forms.MultipleChoiceField(
        label="May be held by", choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )
    permits = forms.JSONField(
        label="Permits",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='A JSON list, such as [{"type": "invoice", "pattern": "*", "actions": ["read"]}].',
    )
    field_order = [
        "key", "name", "description", "owner", "risk", "privileged", "longest_lease_seconds", "review_cadence_seconds",
        "allowed_kinds", "permits", "reason", "token",
    ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        given = {
            name: self.cleaned_data[name]
            for name in EntitlementForm.base_fields
            if name not in ProposalForm.base_fields
        }
        return {
            **given,
            "allowed_kinds": sorted(given["allowed_kinds"]),
            "permits": [] if given["permits"] is None else given["permits"],
        }


class NewEntitlementForm(OwnedForm, EntitlementForm):
    """The same, with its key in its system and who is to answer for it."""

    key = forms.CharField(label="Key", max_length=200, help_text="What the system itself calls it. It stays.")

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        return {**super().payload(), "key": self.cleaned_data["key"], **self.owned()}


class SystemForm(ProposalForm):
    """What the catalog says of a system."""

    name = forms.CharField(label="Name", max_length=200)
    description = forms.CharField(
        label="Description", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    environment = forms.ChoiceField(label="Environment", choices=Environment.choices)
    risk = forms.ChoiceField(label="Risk", choices=Risk.choices)
    field_order = ["name", "description", "environment", "risk", "reason", "token"]

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        return {name: self.cleaned_data[name] for name in ("name", "description", "environment", "risk")}
