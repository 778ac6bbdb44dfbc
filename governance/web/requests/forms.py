"""The forms of requests. They check what was sent and save nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict

from governance.catalog.models import Entitlement
from governance.core.actor import Actor
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.purposes.models import Purpose
from governance.requests import queries
from governance.requests.rules import SHORTEST_JUSTIFICATION, Draft
from governance.web.fields import OwnWords

ME, OWNED, UNTIL = "me", "owned", "until"
TERMS: Mapping[str, timedelta] = {
    "2 hours": timedelta(hours=2),
    "1 day": timedelta(days=1),
    "14 days": timedelta(days=14),
    "30 days": timedelta(days=30),
}
SHORT = {"1 minute": timedelta(minutes=1)}
"""Offered in demo mode, where somebody wants to see an end come."""

SAY_WHY = "Say why it is needed, in a sentence: approvers read this first."


def terms() -> dict[str, timedelta]:
    """The lengths on offer by their labels."""
    return {**(SHORT if settings.DEMO_MODE else {}), **TERMS}


def seconds(term: timedelta) -> str:
    """A length as the form sends it."""
    return str(int(term.total_seconds()))


def as_id(text: Any) -> UUID | None:
    """A key that was sent, or None for what is no key."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def a_kind(identity: Identity) -> str:
    """The kind as a sentence says it: "a service account", "an AI agent"."""
    label = Kind(identity.kind).label
    words = label if label[:2].isupper() else f"{label[0].lower()}{label[1:]}"
    return f"{'an' if words[0] in 'aeioAEIO' else 'a'} {words}"


class OneOf(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice of one row; what is no key at all is as unknown as a key of nothing."""

    def to_python(self, value: Any) -> Any:
        """The row. Raises ValidationError."""
        if value and as_id(value) is None:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().to_python(value)


class SomeOf(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A choice of rows, as `OneOf`."""

    def clean(self, value: Any) -> Any:
        """The rows. Raises ValidationError."""
        if any(as_id(one) is None for one in value or ()):
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice")
        return super().clean(value)


class IdentityField(OneOf):
    """An identity with its kind."""

    def label_from_instance(self, identity: Any) -> str:
        """As the select shows it."""
        return f"{identity.name} ({Kind(identity.kind).label})"


class RequestForm(forms.Form):
    """For whom, what, what for, and how long."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    beneficiary = forms.ChoiceField(
        choices=[(ME, "Me"), (OWNED, "An identity I own")],
        initial=ME,
        error_messages={"required": "Say for whom.", "invalid_choice": "You ask for yourself, or for what you own."},
    )
    identity = IdentityField(
        queryset=Identity.objects.none(),
        required=False,
        empty_label="Choose one",
        error_messages={"invalid_choice": "You may ask for active machine identities that you own, and no others."},
    )
    entitlements = SomeOf(
        queryset=Entitlement.objects.none(),
        error_messages={
            "required": "Choose at least one entitlement.",
            "invalid_choice": "This entitlement is not in the catalog for whom you ask.",
        },
    )
    purpose = OneOf(
        queryset=Purpose.objects.none(),
        error_messages={
            "required": "Choose the purpose that this access serves.",
            "invalid_choice": "Access rests on an active purpose, and this is none.",
        },
    )
    justification = forms.CharField(
        min_length=SHORTEST_JUSTIFICATION,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": SAY_WHY, "min_length": SAY_WHY},
    )
    term = forms.ChoiceField(
        error_messages={"required": "Say for how long, or until when.", "invalid_choice": "Choose one of the terms."},
    )
    until = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Give a day and a time, such as 2027-06-30 18:00."},
    )

    def __init__(self, data: Any, *, actor: Actor, now: datetime) -> None:
        super().__init__(data)
        self._actor = actor
        self._now = now
        self.owned = queries.beneficiaries(actor, now).exclude(pk__in=actor.identity_ids)
        self.choice("identity").queryset = self.owned
        self.owned_count = self.owned.count()
        if self.owned_count == 1:
            self.choice("identity").empty_label = None  # whoever owns one has nothing to choose from
        self.choice("purpose").queryset = Purpose.objects.active(now)
        self.holder = self._holder()
        self.choice("entitlements").queryset = self.catalog("")
        if barred := self._barred():
            self.choice("entitlements").error_messages["invalid_choice"] = barred
        offered = [(seconds(term), label) for label, term in terms().items()]
        self.fields["term"].choices = [*offered, (UNTIL, "A date")]  # type: ignore[attr-defined]

    def asked(self, now: datetime) -> timedelta | None:
        """How long the lease is to be as far as the form says it, also before the rest of it is right."""
        term = self.said("term")
        if term == UNTIL:
            until = self.cleaned_data.get("until") if self.is_bound and hasattr(self, "cleaned_data") else None
            return until - now if until else None
        return next((length for length in terms().values() if seconds(length) == term), None)

    def _ticked(self) -> list[Any]:
        return self.data.getlist("entitlements") if isinstance(self.data, QueryDict) else []

    def _barred(self) -> str:
        """Why the holder can't hold what is ticked and stands in no catalog of theirs; nothing of what is unknown."""
        ids = {pk for pk in map(as_id, self._ticked()) if pk}
        if not ids or self.holder is None:
            return ""
        missing = Entitlement.objects.requestable().filter(pk__in=ids).exclude(pk__in=self.catalog("").values("pk"))
        rows = list(missing.select_related("system").order_by("system__name", "name"))
        open_to = set(missing.holdable_by(self.holder.kind).values_list("pk", flat=True)) if rows else set()
        said = (
            f"{self.holder} has no account on {row.system.name}, which {row.name} needs."
            if row.pk in open_to
            else f"{row.name} is not open to {a_kind(self.holder)}."
            for row in rows
        )
        return " ".join(said).replace("%", "%%")

    def choice(self, name: str) -> Any:
        """A field that is chosen from rows."""
        return self.fields[name]

    def _holder(self) -> Identity | None:
        """Who is to hold the access, as far as the form says; oneself until it says otherwise."""
        asked_for = as_id(self.said("identity")) if self.said("beneficiary") == OWNED else self._actor.identity_id
        return queries.beneficiaries(self._actor, self._now).filter(pk__in=[asked_for] if asked_for else []).first()

    def said(self, name: str) -> str:
        """What was sent for a field, or what it begins with."""
        value = self.data.get(name) if self.is_bound else self.get_initial_for_field(self.fields[name], name)
        return str(value or "")

    def catalog(self, words: str) -> "QuerySet[Entitlement]":
        """What the holder could be leased."""
        return queries.catalog_for([self.holder], words) if self.holder else Entitlement.objects.none()

    def chosen(self) -> "list[Entitlement]":
        """The entitlements that are ticked, those alone that the catalog has for the holder."""
        ids = [pk for pk in map(as_id, self._ticked()) if pk]
        return list(self.catalog("").filter(pk__in=ids)) if ids else []

    def clean(self) -> dict[str, Any]:
        """What only two fields together can say."""
        given = self.cleaned_data
        if given.get("beneficiary") == OWNED and not given.get("identity") and "identity" not in self.errors:
            self.add_error("identity", "Choose the identity that you ask for.")
        if given.get("term") == UNTIL and not given.get("until") and "until" not in self.errors:
            self.add_error("until", "Give the day and time of the end.")
        return given

    def draft(self) -> Draft:
        """The request that a valid form states."""
        given = self.cleaned_data
        holder: UUID | None = given["identity"].pk if given["beneficiary"] == OWNED else self._actor.identity_id
        until = given["until"] if given["term"] == UNTIL else None
        return Draft(
            beneficiary_id=holder,  # type: ignore[arg-type]  # an actor with a page has an identity
            entitlement_ids=tuple(entitlement.pk for entitlement in given["entitlements"]),
            purpose_id=given["purpose"].pk,
            justification=given["justification"],
            term=None if until else timedelta(seconds=int(given["term"])),
            until=until.astimezone(UTC) if until else None,
            form_token=given["token"],
        )


class AnswerForm(forms.Form):
    """The answer to an approver's question."""

    question = forms.UUIDField(widget=forms.HiddenInput)
    answer = forms.CharField(
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write an answer: the approver waits for it."},
    )


class WithdrawForm(forms.Form):
    """Why a request is taken back, if the requester wants to say."""

    reason = OwnWords(help_text="Optional. Kept with the request.")
