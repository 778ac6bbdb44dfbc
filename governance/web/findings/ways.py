"""What whoever looks at a finding can do about it: each way leads to a page that lets them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse

from governance.analysis.models import StaleFinding
from governance.analysis.states import FoundState, Stale
from governance.catalog.models import Bundle, Entitlement
from governance.changes import actions as changes
from governance.core.actor import Actor
from governance.core.errors import Conflict, Denied, NotFound
from governance.grants import permissions as grants
from governance.grants.models import Grant
from governance.policy.models import PolicyRuleVersion
from governance.purposes.models import Purpose

OPEN: Final[Mapping[str, tuple[str, str]]] = {
    Bundle.NOUN: ("Open the bundle", "bundle-detail"),
    Entitlement.NOUN: ("Open the entitlement", "entitlement-detail"),
    Grant.NOUN: ("Open the grant", "grant-detail"),
    Purpose.NOUN: ("Open the purpose", "purpose-detail"),
    PolicyRuleVersion.NOUN: ("Open the rule, to replay it", "rule-version-by-id"),
}
"""Where each thing has its page."""

_OF_BUNDLES: Final = (
    ("Change the bundle", "bundle.edit", "bundle-edit"),
    ("Retire it", "bundle.retire", "bundle-retire"),
)
_OF_ENTITLEMENTS: Final = (
    ("Change the entitlement", "entitlement.edit", "entitlement-edit"),
    ("Retire it", "entitlement.retire", "entitlement-retire"),
)
CHANGES: Final[Mapping[str, Sequence[tuple[str, str, str]]]] = {
    Stale.BUNDLE: _OF_BUNDLES,
    Stale.CRITERIA: _OF_BUNDLES,
    Stale.UNHELD: _OF_ENTITLEMENTS,
    Stale.LAPSING: _OF_ENTITLEMENTS,
    Stale.OUTLIER: (),
    Stale.PURPOSE: (("Retire the purpose", "purpose.retire", "purpose-retire"),),
    Stale.RULE: (("Retire the rule", "policy_rule.retire", "rule-version-retire"),),
}
"""The changes that can be proposed about each kind, and the page that proposes each."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where something can be done about it."""

    verb: str
    url: str


@dataclass(frozen=True, slots=True)
class Ways:
    """All of them, what helps most first; `refusal` says why nothing more can be done by this visitor."""

    all: Sequence[Way]
    refusal: str


def ways(one: StaleFinding, actor: Actor, now: datetime) -> Ways:
    """What the visitor can do about a finding; nothing once it is gone."""
    if one.state == FoundState.GONE:
        return Ways((), "")
    tried = [*_changes(one, actor, now), *_revoking(one, actor, now)]
    verb, page = OPEN[one.subject_kind]
    possible = [found for found in tried if isinstance(found, Way)]
    refused = [found for found in tried if isinstance(found, str)]
    return Ways([*possible, Way(verb, reverse(page, args=[one.subject_id]))], refused[0] if refused else "")


def _changes(one: StaleFinding, actor: Actor, now: datetime) -> Iterator[Way | str]:
    for verb, kind, page in CHANGES[one.kind]:
        try:
            changes.proposable(kind=kind, subject_id=one.subject_id, actor=actor, now=now)
        except (NotFound, Denied, Conflict) as refused:
            yield str(refused)
        else:
            yield Way(verb, reverse(page, args=_address(one)))


def _address(one: StaleFinding) -> Sequence[Any]:
    """Versions of rules are addressed by key and number."""
    return (one.figures["key"], one.figures["number"]) if one.kind == Stale.RULE else (one.subject_id,)


def _revoking(one: StaleFinding, actor: Actor, now: datetime) -> Iterator[Way | str]:
    if one.kind == Stale.OUTLIER:
        grant = grants.visible(actor, now).select_related("identity", "entitlement").get(pk=one.subject_id)
        refusal = grants.refusal(actor, "revoke", grant, now)
        yield refusal or Way("Revoke the grant", reverse("grant-revoke", args=[grant.pk]))
