"""Proposing, changing and retiring a bundle: its owner decides, with a second person where it holds what is risky."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from governance.approvals.moves import StepPlan
from governance.catalog import bundles, permissions
from governance.catalog.models import Bundle, Entitlement
from governance.catalog.rules import MOST_NAME, MOST_TEXT, needs_second_person
from governance.catalog.states import BundleState
from governance.changes.kinds import ChangeKind, Field, Proposing, Retirement, changed
from governance.changes.models import ProposedChange
from governance.changes.purposes import chosen_owner, governance_step, lines, minute_of, owner_name
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import locked_all, take_turns
from governance.core.models import Governed
from governance.core.moves import move, plain
from governance.core.wake import after_commit
from governance.identities.queries import owners_of
from governance.policy import criteria
from governance.policy.states import StepKind
from governance.purposes.moves import entitlements_by_key
from governance.purposes.rules import moment
from governance.separation.models import SeparationMember, SeparationRule
from governance.separation.moves import SCAN
from governance.separation.queries import MAP
from governance.separation.sides import shared_by
from governance.separation.states import VersionState

LONGEST_REVIEW: Final = timedelta(days=366)
KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,63}")

EDITABLE: Mapping[str, Field] = {
    "name": Field("Name"),
    "description": Field("Description"),
    "birthright": Field("Birthright"),
    "criteria": Field("Who matches"),
    "review_at": Field("Review", minute_of),
    "entitlements": Field("Entitlements", lines),
    "bundles": Field("Includes", lines),
}


def problems(values: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """What is wrong with a bundle's plain values, by field; all fields are there. Empty when nothing is."""
    found = {
        "name": _name_problem(values["name"]),
        "description": _text_problem(values["description"]),
        "birthright": None if isinstance(values["birthright"], bool) else "Say yes or no.",
        "criteria": _criteria_problem(values["criteria"], required=values["birthright"] is True),
        "review_at": _review_problem(values["review_at"], now),
        "entitlements": _keys_problem(values["entitlements"]),
        "bundles": _keys_problem(values["bundles"]),
    }
    if not values["entitlements"] and not values["bundles"]:
        found["entitlements"] = "A bundle holds something."
    return {name: text for name, text in found.items() if text}


def _name_problem(name: object) -> str | None:
    fits = isinstance(name, str) and 0 < len(name.strip()) <= MOST_NAME and "\0" not in name
    return None if fits else f"Name it, in {MOST_NAME} characters at most."


def _text_problem(text: object) -> str | None:
    fits = isinstance(text, str) and len(text) <= MOST_TEXT and "\0" not in text
    return None if fits else f"At most {MOST_TEXT} characters."


def _keys_problem(keys: object) -> str | None:
    fits = isinstance(keys, list) and all(isinstance(one, str) for one in keys)
    return None if fits else "Name them by their keys."


def _criteria_problem(text: object, *, required: bool) -> str | None:
    if not isinstance(text, str):
        return "Write a condition."
    if required and not text.strip():
        return "A birthright says who gets it."
    return criteria.problem(text)


def _review_problem(value: object, now: datetime) -> str | None:
    try:
        at = moment(value)
    except ValueError:
        at = None
    if at is None:
        return "Write a moment with its offset, such as 2027-06-30T00:00:00Z."
    if at <= now:
        return "It lies in the past."
    return None if at <= now + LONGEST_REVIEW else f"It is reviewed within {LONGEST_REVIEW.days} days."


class _BundleKind(ChangeKind):
    """What all of them have in common."""

    subject_kind = Bundle.NOUN

    def lock(self, subject_id: UUID) -> None:
        """What activations are judged by, for rules may name the bundle; then the bundle."""
        take_turns(MAP)
        locked_all(Bundle.objects.filter(pk=subject_id))

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """As it is."""
        return bundles.values(Bundle.objects.get(pk=subject_id))

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """The owner, and the governance team where it holds or would hold what is risky."""
        bundle = Bundle.objects.get(pk=subject.pk)
        first = StepPlan(StepKind.OWNER, Bundle.NOUN, bundle.pk, str(bundle)[:300])
        return [first, governance_step(bundle)] if _risky(bundle, payload) else [first]


def _risky(bundle: Bundle, payload: Mapping[str, Any]) -> bool:
    included = bundles.by_key(payload.get("bundles", ())).values()
    held = set(bundles.held_by([bundle.pk, *(one.pk for one in included)]))
    held |= {one.pk for one in entitlements_by_key(payload.get("entitlements", ())).values()}
    rows = Entitlement.objects.filter(pk__in=held).values("risk", "privileged")
    return needs_second_person(*rows)


def _parts(bundle_id: UUID | None, wanted: Mapping[str, Any]) -> bundles.Parts:
    """What the keys name. Raises Invalid for a key that names nothing, and for a circle."""
    entitlements, included = entitlements_by_key(wanted["entitlements"]), bundles.by_key(wanted["bundles"])
    found = {}
    if missing := sorted(set(wanted["entitlements"]) - entitlements.keys()):
        found["entitlements"] = f"There is no active entitlement {missing[0]}."
    if missing := sorted(set(wanted["bundles"]) - included.keys()):
        found["bundles"] = f"There is no active bundle {missing[0]}."
    if bundle_id is not None and (closing := bundles.circle(bundle_id, included.values())):
        found["bundles"] = f"{closing.key} includes this bundle already, itself or by others: that would be a circle."
    if found:
        raise Invalid(found)
    return bundles.Parts(list(entitlements.values()), list(included.values()))


def require_apart(bundle_id: UUID, parts: bundles.Parts) -> None:
    """Raise Invalid where a rule of separation would have something on both sides if the bundle held these parts."""
    held = {one.pk for one in parts.entitlements} | bundles.held_by([one.pk for one in parts.bundles])
    if shared := shared_by(bundle_id, held):
        rule, name = shared
        raise Invalid({"entitlements": f"{rule} would have {name} on both sides, so that nobody could hold it."})


def naming_rule(bundle_id: UUID) -> SeparationRule | None:
    """A rule of separation in force that names the bundle: were that retired, it would keep nothing apart."""
    naming = SeparationMember.objects.filter(bundle=bundle_id, version__state=VersionState.IN_FORCE)
    return SeparationRule.objects.filter(pk__in=naming.values("version__rule")).order_by("key").first()


def _kept(values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Values of all fields in their kept form. Raises Invalid."""
    if found := problems(values, now):
        raise Invalid(found)
    lists = {name: sorted(set(values[name])) for name in ("entitlements", "bundles")}
    texts = {name: values[name].strip() for name in ("name", "description", "criteria")}
    return {**values, **texts, **lists, "review_at": plain(moment(values["review_at"]))}


class BundleNew(_BundleKind):
    """A new bundle."""

    name = "bundle.new"
    title = "A new bundle"
    fields = {"key": Field("Key"), "owner": Field("Owner", owner_name), **EDITABLE}

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Bundle:
        """None: what is new is not there yet."""
        raise Invalid({"subject_id": "A new bundle is not there yet: leave this out."})

    def create(self, payload: Mapping[str, Any], by: Proposing) -> Bundle:
        """The bundle as proposed, with its first version and its owner."""
        key = payload.get("key")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise Invalid({"key": "A key has 2 to 64 small letters, digits and hyphens."})
        bundles.hold()
        if Bundle.objects.filter(key=key).exists():
            raise Invalid({"key": f"There is a bundle {key} already."})
        given = {name: value for name, value in payload.items() if name not in {"key", "owner"}}
        kept = _kept({**bundles.BLANK, **given}, by.now)
        parts, owner = _parts(None, kept), chosen_owner(payload, by)
        return bundles.propose(key, kept, parts, owner, actor=by.actor, why=by.reason, now=by.now)

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Nothing: it was not there before."""
        return {}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What it was made of, looked at again when it is decided."""
        bundle = Bundle.objects.get(pk=subject_id)
        current = _kept(bundles.values(bundle), now)
        _parts(subject_id, current)
        owner = owners_of(Bundle.NOUN, subject_id, now)
        return {"key": bundle.key, "owner": str(owner[0].pk) if owner else None, **current}

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """It stands."""
        bundle = Bundle.objects.get(pk=change.subject_id)
        bundles.activate(bundle, actor=actor, why=change.reason, now=now)

    def refused(self, change: ProposedChange, *, actor: Actor, why: str, now: datetime) -> None:
        """It never does."""
        bundle = Bundle.objects.get(pk=change.subject_id)
        move(bundle, BundleState.REJECTED, actor=actor, why=why, now=now)


class _OfActive(_BundleKind):
    """What is proposed of a bundle that stands."""

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Bundle:
        """Whoever sees it may propose: its owner decides."""
        found = permissions.visible_bundles(actor, now).filter(pk=subject_id).first()
        if found is None:
            raise NotFound
        if found.state != BundleState.ACTIVE:
            raise Conflict(f"{found} is {found.get_state_display().lower()}: nothing of it changes.")
        return found


class BundleEdit(_OfActive):
    """The next version of a bundle."""

    name = "bundle.edit"
    title = "Edit a bundle"
    fields = EDITABLE

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What would change."""
        current = self.current(subject_id)
        kept = _kept({**current, **payload}, now)
        require_apart(subject_id, _parts(subject_id, kept))
        return changed(current, {name: kept[name] for name in payload})

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Make the version."""
        bundle = Bundle.objects.get(pk=change.subject_id)
        if bundle.state != BundleState.ACTIVE:
            raise Conflict(f"{bundle} is {bundle.get_state_display().lower()}.")
        kept = _kept({**bundles.values(bundle), **change.payload}, now)
        bundles.edit(bundle, kept, _parts(bundle.pk, kept), actor=actor, why=change.reason, now=now)
        after_commit(SCAN)


class BundleRetire(Retirement, _OfActive):
    """The end of a bundle. Others that include it hold its entitlements no more."""

    name = "bundle.retire"
    title = "Retire a bundle"
    model = Bundle

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Not while a rule of separation rests on it."""
        if rule := naming_rule(subject_id):
            raise Conflict(f"{rule} keeps apart what this bundle holds: change that rule first.")
        return super().checked(subject_id, payload, now)

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """End it."""
        bundle = Bundle.objects.get(pk=change.subject_id)
        move(bundle, BundleState.RETIRED, actor=actor, why=change.reason, now=now)
        after_commit(SCAN)
