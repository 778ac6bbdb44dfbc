from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings

from governance.core.actor import Actor
from governance.identities import permissions
from governance.identities.models import Identity
from governance.users.states import Scope
from governance.web.present import counted
from governance.web.requests.forms import IdentityField

DAYS = (1, 7, 30, 90, 180, 366)


def lifetimes() -> list[tuple[str, str]]:
    """The lifetimes on offer, the longest allowed among them."""
    longest = settings.API_TOKEN_LONGEST.days
    days = sorted({*(one for one in DAYS if one < longest), longest})
    return [(str(one), counted(one, "day")) for one in days]


class TokenForm(forms.Form):
    """Whose token, what for, and for how long."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="What will use it.",
        error_messages={"required": "Name it after what will use it."},
    )
    holder = IdentityField(
        queryset=Identity.objects.none(),
        label="Signs in",
        empty_label=None,
        error_messages={"invalid_choice": "You make tokens for yourself and for machine identities that you own."},
    )
    scopes = forms.MultipleChoiceField(
        label="May be used to",
        choices=Scope.choices,
        initial=[Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what it may be used for."},
    )
    days = forms.ChoiceField(label="Ends after")

    def __init__(self, data: Any = None, *, actor: Actor, now: datetime) -> None:
        super().__init__(data, initial={"holder": actor.identity_id})
        holder: Any = self.fields["holder"]
        holder.queryset = permissions.token_holders(actor, now)
        self.fields["days"].choices = lifetimes()  # type: ignore[attr-defined]

    def ends_at(self, now: datetime) -> datetime:
        """The end that a valid form states."""
        return now + timedelta(days=int(self.cleaned_data["days"]))
