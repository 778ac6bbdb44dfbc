"""The forms of separation. They check what was sent and save nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q

from governance.catalog.bundles import by_key
from governance.catalog.models import Entitlement
from governance.catalog.states import Risk
from governance.core.errors import Invalid
from governance.identities.models import Identity
from governance.separation.models import SeparationRuleVersion
from governance.separation.moves import SideWording, Wording
from governance.separation.queries import keys_of
from governance.web.fields import OwnWords

KEYS_HELP = "A line each: an entitlement as ledger/invoice-match, or a bundle by its key, for all that it holds."


def _side(label: str) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
    return forms.CharField(label=label, widget=widget, max_length=20_000, help_text=KEYS_HELP)


class WordingForm(forms.Form):
    """What a rule says."""

    left = _side("Whoever holds one of these")
    right = _side("holds none of these")
    severity = forms.ChoiceField(label="Severity", choices=Risk.choices, initial=Risk.HIGH)
    reason = OwnWords(
        "Say in words that a requester can read why the two are kept apart.", label="Why they are kept apart"
    )
    why = OwnWords("Say why: it is kept with the rule.", label="Why it is drafted", rows=2)

    def wording(self) -> Wording:
        """What the form says. Raises Invalid, for each side with the lines that name nothing."""
        said = {name: _lines(self.cleaned_data[name]) for name in ("left", "right")}
        keys = {key for lines in said.values() for key in lines}
        entitlements, bundles = _known({key for key in keys if "/" in key}), by_key(keys)
        wrong = {
            name: _unknown(missing)
            for name, lines in said.items()
            if (missing := [key for key in lines if key not in entitlements and key not in bundles])
        }
        if wrong:
            raise Invalid(wrong)
        left, right = (
            SideWording(
                frozenset(entitlements[key] for key in lines if key in entitlements),
                frozenset(bundles[key].pk for key in lines if key in bundles),
            )
            for lines in said.values()
        )
        return Wording(left, right, self.cleaned_data["severity"], self.cleaned_data["reason"])


class RuleForm(WordingForm):
    """A new rule with what it says first."""

    key = forms.CharField(label="Key", max_length=32, help_text="It stays: SOD-01.")
    title = forms.CharField(label="Title", max_length=200)
    owner = forms.CharField(
        label="Owner", max_length=200, help_text="Name of an active person, who is told of violations."
    )
    field_order = ("key", "title", "owner", "left", "right", "severity", "reason", "why")

    def owner_id(self, now: datetime) -> UUID:
        """Whom the form names. Raises Invalid unless there is exactly one."""
        return _person("owner", self.cleaned_data["owner"], now)


class MitigationForm(forms.Form):
    """Why somebody is to hold both sides for a while, and what is done about it."""

    reason = OwnWords("Say why both sides are needed.", label="Why both sides are needed", help_text="In a sentence.")
    control = OwnWords(
        "Say what is done meanwhile so that it does no harm.",
        label="What is done meanwhile",
        help_text="The compensating control: who looks at what, how often.",
    )
    ends_at = forms.DateField(
        label="Until", widget=forms.DateInput(attrs={"type": "date"}), help_text="The end of this day, UTC."
    )
    review_at = forms.DateField(label="Reviewed again on", widget=forms.DateInput(attrs={"type": "date"}))
    emergency = forms.BooleanField(
        label="For emergencies alone: it covers what is taken by break-glass, and no other access", required=False
    )

    def period(self) -> dict[str, datetime]:
        """Its end and its review, as moments."""
        return {name: _evening(self.cleaned_data[name]) for name in ("ends_at", "review_at")}


class ReasonForm(forms.Form):
    """Why, if there is something to say."""

    reason = OwnWords(help_text="Optional. Kept on record.")


class NeededForm(forms.Form):
    """Why."""

    reason = OwnWords("Say why: whom it concerns reads it.", help_text="Kept on record.")


class InclusionForm(forms.Form):
    """What confers what."""

    entitlement = forms.CharField(label="Whoever holds", max_length=300, help_text="As system/entitlement.")
    conferred = forms.CharField(label="holds with it", max_length=300, help_text="As system/entitlement.")
    reason = OwnWords("Say how that is known: it is kept on record.", label="How that is known", rows=2)

    def pair(self) -> dict[str, UUID]:
        """The two entitlements. Raises Invalid."""
        said = {name: self.cleaned_data[name].strip() for name in ("entitlement", "conferred")}
        known = _known(said.values())
        if wrong := {name: _unknown([key]) for name, key in said.items() if key not in known}:
            raise Invalid(wrong)
        return {f"{name}_id": known[key] for name, key in said.items()}


def initial(version: SeparationRuleVersion) -> dict[str, Any]:
    """A version as its form shows it."""
    sides = {side: "\n".join(keys) for side, keys in keys_of(version).items()}
    return {**sides, "severity": version.severity, "reason": version.reason}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _known(keys: Iterable[str]) -> dict[str, UUID]:
    """The ids of entitlements by their keys; one query."""
    wanted = Q(pk__in=[])
    for system, _, key in (one.partition("/") for one in keys):
        wanted |= Q(system__key=system, key=key)
    rows = Entitlement.objects.filter(wanted).values_list("system__key", "key", "pk")
    return {f"{system}/{key}": pk for system, key, pk in rows}


def _unknown(keys: list[str]) -> str:
    kind = "entitlement" if all("/" in key for key in keys) else "entitlement or active bundle"
    return f"There is no {kind} {', '.join(f'“{key}”' for key in keys)}."


def _person(field: str, name: str, now: datetime) -> UUID:
    found = list(Identity.objects.active(now).filter(name__iexact=name.strip(), user__isnull=False)[:2])
    if len(found) != 1:
        raise Invalid({field: "Several people have that name." if found else "There is no active person of that name."})
    return found[0].pk


def _evening(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
