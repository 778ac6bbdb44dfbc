"""The forms of requests. They check what was sent and save nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.http import QueryDict

from governance.catalog.bundles import PreApproved
from governance.catalog.models import Bundle, Entitlement
from governance.catalog.querysets import EntitlementQuerySet
from governance.core.actor import Actor
from governance.core.moves import plain
from governance.grants.permissions import visible
from governance.identities.models import Identity
from governance.identities.states import MACHINE_KINDS, Kind
from governance.purposes.models import Purpose
from governance.requests import queries, suggesting
from governance.requests.models import RequestDraft
from governance.requests.rules import SHORTEST_JUSTIFICATION, Draft, cart_problem
from governance.web.fields import AtMinute, OwnWords

ME, OWNED, MATES, UNTIL = "me", "owned", "mates", "until"
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


def offered_terms() -> list[tuple[str, str]]:
    """The lengths on offer as a field takes them, and a date instead."""
    return [*((seconds(term), label) for label, term in terms().items()), (UNTIL, "A date")]


def as_long_as(length: timedelta) -> str:
    """The longest length on offer that is no longer, as a field takes it; the shortest where all are."""
    offered = sorted(terms().values())
    return seconds(max((term for term in offered if term <= length), default=offered[0]))


def length_of(given: Mapping[str, Any]) -> tuple[timedelta | None, datetime | None]:
    """The length or the end that a valid form says."""
    until = given["until"] if given["term"] == UNTIL else None
    return (None if until else timedelta(seconds=int(given["term"]))), until


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


class People(SomeOf):
    """A choice of identities, each with its kind."""

    def label_from_instance(self, identity: Any) -> str:
        """As the select shows it."""
        return f"{identity.name} ({Kind(identity.kind).label})"


def _with_token(data: Any) -> Any:
    """What was sent, with a token of its own where it has none: it was not drawn by the form, and not sent before."""
    if data is None or as_id(data.get("token")):
        return data
    fresh = data.copy()
    fresh["token"] = str(uuid4())
    return fresh


class RequestForm(forms.Form):
    """For whom, what, what for, and how long."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    draft = forms.UUIDField(widget=forms.HiddenInput, required=False)
    beneficiary = forms.MultipleChoiceField(
        choices=[(ME, "Me"), (OWNED, "Identities I own"), (MATES, "Teammates")],
        initial=[ME],
        error_messages={
            "required": "Say for whom.",
            "invalid_choice": "You ask for yourself, for teammates, or for what you own.",
        },
    )
    identity = People(
        queryset=Identity.objects.none(),
        required=False,
        label="Machine identities",
        error_messages={"invalid_choice": "You may ask for active machine identities that you own, and no others."},
    )
    mate = People(
        queryset=Identity.objects.none(),
        required=False,
        label="Teammates",
        help_text="They are told, and can decline.",
        error_messages={"invalid_choice": "You may ask for people of your manager, or whom you manage, and no others."},
    )
    bundles = SomeOf(
        queryset=Bundle.objects.none(),
        required=False,
        error_messages={"invalid_choice": "This bundle can't be asked for by whom it would be for."},
    )
    entitlements = SomeOf(
        queryset=Entitlement.objects.none(),
        required=False,
        error_messages={
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
    until = AtMinute(required=False)
    starts_at = AtMinute(required=False, label="Begin later, in UTC", help_text="Empty to begin at once.")

    def __init__(self, data: Any, *, actor: Actor, now: datetime) -> None:
        super().__init__(_with_token(data))
        self._actor = actor
        self._now = now
        machines = {"kind__in": MACHINE_KINDS}
        self.choice("identity").queryset = (
            queries.beneficiaries(actor, now).filter(**machines).exclude(pk__in=actor.identity_ids)
        )
        self.choice("mate").queryset = queries.teammates(actor, now)
        self.owned_count = self.choice("identity").queryset.count()
        self.mates_count = self.choice("mate").queryset.count()
        if self.owned_count == 1:
            self.fields["identity"].initial = list(self.choice("identity").queryset)
        self.choice("purpose").queryset = Purpose.objects.active(now)
        self.holders = self._holders()
        self.offered_bundles = suggesting.requestable_bundles(self.holders, now)
        open_bundles = [bundle.version.bundle_id for bundle in self.offered_bundles]
        self.choice("bundles").queryset = Bundle.objects.filter(pk__in=open_bundles)
        self.choice("entitlements").queryset = self.catalog("")
        if barred := self._barred():
            self.choice("entitlements").error_messages["invalid_choice"] = barred
        self.fields["term"].choices = offered_terms()  # type: ignore[attr-defined]

    def asked(self, now: datetime) -> timedelta | None:
        """How long the lease is to be as far as the form says it, also before the rest of it is right."""
        term = self.said("term")
        if term == UNTIL:
            until = self.cleaned_data.get("until") if self.is_bound and hasattr(self, "cleaned_data") else None
            return until - now if until else None
        return next((length for length in terms().values() if seconds(length) == term), None)

    def _ticked(self, name: str) -> list[UUID]:
        """The keys that were sent for a field."""
        return [pk for pk in map(as_id, self.all_said(name)) if pk]

    def _barred(self) -> str:
        """Why a holder can't hold what is ticked and stands in no catalog of theirs; nothing of what is unknown."""
        ticked = Entitlement.objects.requestable().filter(pk__in=self._ticked("entitlements"))
        ids = set(ticked.values_list("pk", flat=True))
        told = [text for holder in self.holders for text in queries.closed_to(holder, ids).values()] if ids else []
        return " ".join(dict.fromkeys(told)).replace("%", "%%")

    def choice(self, name: str) -> Any:
        """A field that is chosen from rows."""
        return self.fields[name]

    def _holders(self) -> list[Identity]:
        """Who is to hold the access, as far as the form says; oneself until it says otherwise."""
        said = self.groups()
        ids = {self._actor.identity_id} if ME in said and self._actor.identity_id else set()
        ids |= set(self._ticked("identity")) if OWNED in said else set()
        ids |= set(self._ticked("mate")) if MATES in said else set()
        return list(queries.beneficiaries(self._actor, self._now).filter(pk__in=ids))

    def groups(self) -> set[str]:
        """For whom the form asks, as far as it says; oneself where it says nothing yet."""
        return set(self.all_said("beneficiary")) or {ME}

    def all_said(self, name: str) -> list[str]:
        """All that was sent for a field of several values, or what it begins with."""
        if isinstance(self.data, QueryDict) and self.is_bound:
            return self.data.getlist(name)
        return list(self.fields[name].initial or ())

    def said(self, name: str) -> str:
        """What was sent for a field, or what it begins with."""
        value = self.data.get(name) if self.is_bound else self.get_initial_for_field(self.fields[name], name)
        return str(value or "")

    def catalog(self, words: str) -> "EntitlementQuerySet[Entitlement]":
        """What each of the holders could be leased."""
        return queries.catalog_for(self.holders, words)

    def offered(self, words: str) -> "EntitlementQuerySet[Entitlement]":
        """The same, as far as the purpose that is chosen may justify it, without what one sees held for that."""
        purpose, found = self.under(), self.catalog(words)
        if purpose is None:
            return found
        return queries.open_under(found, purpose, self.holders, visible(self._actor, self._now), self._now)

    def under(self) -> Purpose | None:
        """The purpose that is chosen, if it is one."""
        pk = as_id(self.said("purpose"))
        return Purpose.objects.active(self._now).filter(pk=pk).first() if pk else None

    def chosen(self) -> "list[Entitlement]":
        """The entitlements that are ticked, those alone that the catalog has for the holders."""
        ids = self._ticked("entitlements")
        return list(self.catalog("").filter(pk__in=ids)) if ids else []

    def chosen_bundles(self) -> list[PreApproved]:
        """The bundles that are ticked."""
        ids = set(self._ticked("bundles"))
        return [bundle for bundle in self.offered_bundles if bundle.version.bundle_id in ids]

    def wanted(self) -> set[UUID]:
        """The keys of all that is ticked, with what bundles bring."""
        brought = (bundle.entitlement_ids for bundle in self.chosen_bundles())
        return {entitlement.pk for entitlement in self.chosen()}.union(*brought)

    def clean(self) -> dict[str, Any]:
        """What only two fields together can say."""
        given = self.cleaned_data
        for kind, name, text in (
            (OWNED, "identity", "Choose the identity that you ask for."),
            (MATES, "mate", "Choose the teammate that you ask for."),
        ):
            if kind in given.get("beneficiary", ()) and not given.get(name) and name not in self.errors:
                self.add_error(name, text)
        if self.holders and (problem := cart_problem(len(self.holders))):
            self.add_error("beneficiary", problem)
        if not given.get("entitlements") and not given.get("bundles") and "entitlements" not in self.errors:
            self.add_error("entitlements", "Choose at least one entitlement.")
        if given.get("term") == UNTIL and not given.get("until") and "until" not in self.errors:
            self.add_error("until", "Give the day and time of the end.")
        return given

    def drafts(self) -> list[Draft]:
        """What a valid form states, for each of the holders."""
        given = self.cleaned_data
        term, until = length_of(given)
        wish = Draft(
            beneficiary_id=self.holders[0].pk,
            entitlement_ids=tuple(entitlement.pk for entitlement in given["entitlements"]),
            purpose_id=given["purpose"].pk,
            justification=given["justification"],
            term=term,
            until=until,
            form_token=given["token"],
            bundle_ids=tuple(bundle.pk for bundle in given["bundles"]),
            starts_at=given["starts_at"],
        )
        return wish.each([holder.pk for holder in self.holders])

    def content(self) -> dict[str, Any]:
        """The form as far as it goes, to be put aside: what can't be read is left out."""
        self.is_valid()
        given = self.cleaned_data
        term = given.get("term")
        said = {
            "beneficiaries": [holder.pk for holder in self.holders],
            "entitlements": [entitlement.pk for entitlement in self.chosen()],
            "bundles": [bundle.version.bundle_id for bundle in self.chosen_bundles()],
            "purpose": given["purpose"].pk if given.get("purpose") else None,
            "justification": given.get("justification") or self.said("justification").replace("\0", "")[:4000],
            "term_seconds": int(term) if term and term != UNTIL else None,
            "until": given.get("until") if term == UNTIL else None,
            "starts_at": given.get("starts_at"),
        }
        found: dict[str, Any] = plain({name: value for name, value in said.items() if value})
        return found


def resumed(draft: RequestDraft, actor: Actor) -> QueryDict:
    """What a browser would send of a form that was put aside."""
    data, content = QueryDict(mutable=True), draft.content
    people = [UUID(pk) for pk in content.get("beneficiaries", ())]
    machines = set(Identity.objects.filter(pk__in=people, kind__in=MACHINE_KINDS).values_list("pk", flat=True))
    mates = [str(pk) for pk in people if pk not in machines and pk != actor.identity_id]
    owned = [str(pk) for pk in people if pk in machines]
    groups = ((ME, actor.identity_id in people or not people), (OWNED, owned), (MATES, mates))
    data.setlist("beneficiary", [name for name, some in groups if some])
    data.setlist("identity", owned)
    data.setlist("mate", mates)
    for name in ("entitlements", "bundles"):
        data.setlist(name, content.get(name, []))
    term = UNTIL if content.get("until") else content.get("term_seconds", "")
    said = {"token": uuid4(), "draft": draft.pk, "term": term}
    said |= {name: content.get(name, "") for name in ("purpose", "justification")}
    said |= {name: content.get(name, "")[:16] for name in ("until", "starts_at")}
    for name, value in said.items():
        data[name] = str(value)
    return data


class LikeForm(forms.Form):
    """A colleague, and whoever is to hold what they hold."""

    colleague = IdentityField(
        queryset=Identity.objects.none(),
        empty_label="Choose one",
        error_messages={"invalid_choice": "You see nothing of what they hold."},
    )
    beneficiary = IdentityField(
        queryset=Identity.objects.none(),
        label="For whom",
        empty_label="Choose one",
        error_messages={"invalid_choice": "You ask for yourself, for teammates, or for what you own."},
    )

    def __init__(self, data: Any, *, actor: Actor, now: datetime) -> None:
        super().__init__(data)
        self.fields["colleague"].queryset = suggesting.colleagues(actor, now)  # type: ignore[attr-defined]
        self.fields["beneficiary"].queryset = queries.beneficiaries(actor, now)  # type: ignore[attr-defined]


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
