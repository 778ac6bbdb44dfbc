"""The form that proposes another shape of an entitlement."""

from typing import Any

from django import forms

from governance.catalog.states import Risk
from governance.identities.states import Kind
from governance.web.changes.forms import ProposalForm
from governance.web.fields import Length


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
        label="May be held by", choices=Kind.choices, widget=forms.SelectMultiple(attrs={"size": len(Kind.choices)})
    )
    permits = forms.JSONField(
        label="Permits",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text='A JSON list, such as [{"type": "invoice", "pattern": "*", "actions": ["read"]}].',
    )
    field_order = [
        "name", "description", "risk", "privileged", "longest_lease_seconds", "review_cadence_seconds",
        "allowed_kinds", "permits", "reason", "token",
    ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        given = {name: self.cleaned_data[name] for name in self.fields if name not in {"reason", "token"}}
        return {
            **given,
            "allowed_kinds": sorted(given["allowed_kinds"]),
            "permits": [] if given["permits"] is None else given["permits"],
        }
