"""The forms of purposes. They check what was sent, and save nothing."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

from governance.core.moves import plain
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.web.changes.forms import ProposalForm


class Day(forms.DateField):
    """A day, which ends as it begins: at midnight UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


def midnight(day: date | None) -> str | None:
    """The day's first moment, as plain JSON."""
    return plain(datetime.combine(day, time(), UTC)) if day else None


class PurposeForm(ProposalForm):
    """What a purpose says of itself."""

    name = forms.CharField(label="Name", max_length=200, help_text="Requesters choose by it.")
    description = forms.CharField(
        label="Description", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    ends_at = Day(label="Ends", help_text="At midnight UTC of that day. No lease on it lasts longer.")
    review_at = Day(label="Review", help_text="Without an end, within a year. No lease on it outlasts its review.")
    entitlements = forms.CharField(
        label="May justify",
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="One entitlement a line, as system/entitlement. What is not here can't be asked for with it.",
    )
    criteria = forms.CharField(
        label="For whom",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="A condition over the identity, such as identity.department == 'Finance'. Empty: anybody.",
    )
    field_order = [
        "name", "description", "owner", "ends_at", "review_at", "entitlements", "criteria", "reason", "token",
    ]  # fmt: skip

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "description": given["description"],
            "ends_at": midnight(given["ends_at"]),
            "review_at": midnight(given["review_at"]),
            "criteria": given["criteria"],
            "entitlements": sorted({line.strip() for line in given["entitlements"].splitlines() if line.strip()}),
        }


class OwnedForm(forms.Form):
    """Who is to answer for something new."""

    owner = forms.EmailField(
        label="Owner",
        required=False,
        help_text="The e-mail address of whoever is to answer for it. Left empty, that is you.",
    )

    def clean_owner(self) -> str | None:
        """The identity with the address. Raises ValidationError."""
        address = self.cleaned_data["owner"]
        if not address:
            return None
        found = Identity.objects.filter(email__iexact=address, kind=Kind.PERSON).values_list("pk", flat=True)[:2]
        if len(found) != 1:
            raise forms.ValidationError("Nobody is known by exactly this address.")
        return str(found[0])

    def owned(self) -> dict[str, str]:
        """The owner as plain values name them; nothing where it is whoever proposes."""
        owner = self.cleaned_data["owner"]
        return {"owner": owner} if owner else {}


class NewPurposeForm(OwnedForm, PurposeForm):
    """What a purpose says of itself, and who is to answer for it."""

    def payload(self) -> dict[str, Any]:
        """The plain values of a valid form."""
        return {**super().payload(), **self.owned()}


def initial(values: dict[str, Any]) -> dict[str, Any]:
    """A purpose's plain values as the form shows them."""
    days = {name: values[name][:10] if values[name] else None for name in ("ends_at", "review_at")}
    return {**values, **days, "entitlements": "\n".join(values["entitlements"])}
