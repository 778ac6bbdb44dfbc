"""A request that has been stated, with everything it names loaded, and what the domain and policy say of it.

A form for several beneficiaries is judged as a whole, in a number of queries that grows neither with them nor with
what they are to hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from governance.catalog.bundles import PreApproved, pre_approved
from governance.catalog.models import Bundle, BundleVersion, Entitlement
from governance.catalog.states import BundleState
from governance.core.actor import Actor
from governance.core.errors import NotFound
from governance.grants.models import Grant
from governance.grants.permissions import visible
from governance.identities.models import Identity
from governance.policy.builtin import UNCOVERED
from governance.policy.queries import Asking, decide_each
from governance.policy.verdicts import Verdict
from governance.purposes.models import Purpose
from governance.requests import queries
from governance.requests.rules import Draft, beyond_cap, problems


@dataclass(frozen=True, slots=True)
class Proposal:
    """One beneficiary's request with everything it names loaded, and what policy says of each item.

    `bundles` are the versions by which items are asked for, `moot` says of items why asking for them leads nowhere,
    `closed` of bundles why they are not for the beneficiary.
    """

    draft: Draft
    requester: Identity
    beneficiary: Identity
    purpose: Purpose
    verdicts: Sequence[tuple[Entitlement, Verdict]]
    bundles: Mapping[UUID, BundleVersion] = field(default_factory=dict)
    moot: Mapping[UUID, str] = field(default_factory=dict)
    closed: Sequence[str] = ()
    renews: Grant | None = None


def propose(draft: Draft, actor: Actor, now: datetime) -> Proposal:
    """One draft with what would follow. Raises NotFound for what the actor may not ask for."""
    return propose_each([draft], actor, now)[0]


def propose_each(drafts: Sequence[Draft], actor: Actor, now: datetime) -> list[Proposal]:
    """The drafts of one form, which differ in their beneficiaries alone, with what would follow. Raises NotFound."""
    wish = drafts[0]
    people = queries.beneficiaries(actor, now).in_bulk([draft.beneficiary_id for draft in drafts])
    purpose = Purpose.objects.active(now).filter(pk=wish.purpose_id).first()
    requester = Identity.objects.active(now).filter(pk=actor.identity_id).first() if actor.identity_id else None
    if purpose is None or requester is None or len(people) != len(drafts):
        raise NotFound
    cart = _cart(wish)
    askings = [
        Asking(
            identity=people[draft.beneficiary_id],
            purpose=purpose,
            requester=requester,
            term=draft.length(now),
            assurance=actor.assurance,
            now=now,
            starts_at=draft.starts_at,
            bundles={pk: bundle.version.bundle.key for pk, bundle in cart.bundled.items()},
        )
        for draft in drafts
    ]
    verdicts = decide_each(askings, cart.entitlements)
    moot = queries.moot(list(people.values()), cart.entitlements, wish, now)
    renews = _renewed(wish, actor, now)
    return [
        _proposal(draft, asking, cart, verdicts[asking.identity.pk], moot[asking.identity.pk], renews)
        for draft, asking in zip(drafts, askings, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Cart:
    """What a form asks for: all entitlements by their names, and the bundle of those that come by one."""

    entitlements: Sequence[Entitlement]
    bundled: Mapping[UUID, PreApproved]
    bundles: Sequence[PreApproved]


def _cart(draft: Draft) -> _Cart:
    """Raises NotFound for what is not in the catalog. What of a bundle's can't be asked for is left out."""
    keys = Bundle.objects.filter(pk__in=draft.bundle_ids, state=BundleState.ACTIVE).values_list("key", flat=True)
    found = pre_approved(list(keys)).values() if draft.bundle_ids else ()
    bundles = [one for one in found if not one.version.birthright]  # those are given by rule, and asked for by nobody
    bundled = {pk: bundle for bundle in bundles for pk in bundle.entitlement_ids}
    wanted = Entitlement.objects.requestable().filter(pk__in={*draft.entitlement_ids, *bundled})
    entitlements = sorted(wanted.select_related("system"), key=str)
    missing = set(draft.entitlement_ids) - {one.pk for one in entitlements}
    if missing or len(bundles) != len(set(draft.bundle_ids)):
        raise NotFound
    return _Cart(entitlements, bundled, bundles)


def _renewed(draft: Draft, actor: Actor, now: datetime) -> Grant | None:
    if draft.renews_id is None:
        return None
    grant = visible(actor, now).filter(pk=draft.renews_id).first()
    if grant is None:
        raise NotFound
    return grant


def _proposal(
    draft: Draft,
    asking: Asking,
    cart: _Cart,
    verdicts: Mapping[UUID, Verdict],
    moot: Mapping[UUID, str],
    renews: Grant | None,
) -> Proposal:
    """What a bundle brings that the beneficiary has already, or waits for, is left out: it is no part of the wish."""
    named = set(draft.entitlement_ids)
    items = [one for one in cart.entitlements if one.pk in named or one.pk not in moot]
    return Proposal(
        draft=draft,
        requester=asking.requester,
        beneficiary=asking.identity,
        purpose=asking.purpose,
        verdicts=[(one, verdicts[one.pk]) for one in items],
        bundles={one.pk: cart.bundled[one.pk].version for one in items if one.pk in cart.bundled},
        moot={one.pk: moot[one.pk] for one in items if one.pk in moot},
        closed=_closed_bundles(asking.identity, cart, verdicts),
        renews=renews,
    )


def _closed_bundles(identity: Identity, cart: _Cart, verdicts: Mapping[UUID, Verdict]) -> list[str]:
    """Bundles that are not for the identity: no item of theirs counts as asked for by a bundle."""
    found = []
    for bundle in cart.bundles:
        mine = [verdicts[pk] for pk, by in cart.bundled.items() if by is bundle and pk in verdicts]
        if mine and not any(verdict.facts.request.bundle for verdict in mine):
            found.append(f"{bundle.version.bundle.name} is not for {identity.name}: its criteria don't hold.")
    return found


def refusals(proposals: Sequence[Proposal], now: datetime) -> dict[str, str]:
    """All that is wrong with a form, by field, in words; empty when nothing is."""
    found = dict(problems(proposals[0].draft, now))
    if found:
        return found
    for proposal in proposals:
        for name, text in _refusals(proposal, now).items():
            said = f"{proposal.beneficiary.name}: {text}" if len(proposals) > 1 else text
            found[name] = f"{found[name]} {said}" if name in found else said
    return found


def _refusals(proposal: Proposal, now: datetime) -> dict[str, str]:
    """What the domain's own rules refuse, by field, in words."""
    found: dict[str, str] = {}
    draft = proposal.draft
    field_of_end = "term" if draft.term is not None else "until"
    if proposal.closed:
        found["bundles"] = " ".join(proposal.closed)
    if not proposal.verdicts:
        found["entitlements"] = f"{proposal.beneficiary.name} has all of this already, or has asked for it."
    for entitlement, verdict in proposal.verdicts:
        built_in = [reason.text for reason in verdict.denials if reason.built_in and reason is not UNCOVERED]
        too_long = beyond_cap(draft, verdict.cap, verdict.end(draft.begins(now), verdict.cap), now)
        if built_in:
            found.setdefault("entitlements", " ".join(built_in))
        elif too_long:
            found.setdefault(field_of_end, f"{too_long} {verdict.binding.text}")
        elif entitlement.pk in proposal.moot:
            found.setdefault("entitlements", proposal.moot[entitlement.pk])
    return found
