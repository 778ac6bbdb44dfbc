"""What somebody may want to ask for, each with its reason: what a colleague has, what peers have, which bundles fit.

What single others hold is told to those alone who may see their grants; of peers only how many of them hold something.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from uuid import UUID

from django.db.models import Count

from governance.catalog.bundles import PreApproved, pre_approved
from governance.catalog.models import BundleVersion, Entitlement
from governance.catalog.states import BundleState
from governance.core.actor import Actor
from governance.grants.models import Grant
from governance.grants.permissions import overseen, visible
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.identities.querysets import IdentityQuerySet
from governance.identities.states import MACHINE_KINDS
from governance.policy import criteria
from governance.policy.queries import identity_facts
from governance.requests.queries import catalog_for, closed_to

FEWEST_PEERS = 3
"""Of fewer, a count would say what one of them holds, and that all of them do says it of each."""

MOST_SUGGESTED = 10


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a colleague holds and the holder does not. `closed` says why it can't be asked for, empty where it can."""

    entitlement: Entitlement
    closed: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An entitlement or a bundle that the holder may want to ask for, and why."""

    why: str
    entitlement: Entitlement | None = None
    bundle: PreApproved | None = None


def colleagues(actor: Actor, now: datetime) -> "IdentityQuerySet[Identity]":
    """People of whose leases the actor may see some."""
    holding = visible(actor, now).live(now).values("identity")
    people = Identity.objects.active(now).exclude(kind__in=MACHINE_KINDS).exclude(pk__in=actor.identity_ids)
    return people.filter(pk__in=holding).order_by("name")


def like(colleague: Identity, holder: Identity, actor: Actor, now: datetime) -> list[Likeness]:
    """What the actor sees the colleague hold and does not see the holder hold, what can be asked for first."""
    held = visible(actor, now).live(now).filter(identity=colleague).values("entitlement")
    own = visible(actor, now).live(now).filter(identity=holder).values("entitlement")
    missing = Entitlement.objects.filter(pk__in=held).exclude(pk__in=own).select_related("system")
    rows = list(missing.order_by("system__name", "name"))
    closed = closed_to(holder, [row.pk for row in rows])
    return sorted((Likeness(row, closed.get(row.pk, "")) for row in rows), key=lambda one: bool(one.closed))


def suggestions(holder: Identity, offered: Iterable[PreApproved], actor: Actor, now: datetime) -> list[Suggestion]:
    """What the holder may want, of what is `offered` as bundles, and then what half of their peers hold.

    What they have already is left out as far as the actor sees it. Peers are spoken of to those alone who see all that
    the holder has: else asking for one teammate after another would tell what each of them holds.
    """
    held = frozenset(visible(actor, now).live(now).filter(identity=holder).values_list("entitlement", flat=True))
    fitting = [
        Suggestion("Its criteria are true of " + holder.name + ".", bundle=one)
        for one in offered
        if one.criteria and not one.entitlement_ids <= held
    ]
    peers = _of_peers(holder, held, now) if overseen(actor, [holder.pk], now) else []
    return [*fitting[:MOST_SUGGESTED], *peers]


def _of_peers(holder: Identity, held: frozenset[UUID], now: datetime) -> list[Suggestion]:
    """What many of the same department and title hold, and not all. Whoever has neither has no peers."""
    if not holder.department or not holder.title:
        return []
    alike = Identity.objects.active(now).filter(department=holder.department, title=holder.title, kind=holder.kind)
    peers = alike.exclude(pk__in=same_human([holder.pk]))
    many = peers.count()
    if many < FEWEST_PEERS:
        return []
    leases = Grant.objects.live(now).filter(identity__in=peers.values("pk")).exclude(entitlement__in=held)
    counted = leases.values("entitlement").annotate(many=Count("identity", distinct=True))
    common: Mapping[UUID, int] = dict(
        counted.filter(many__gte=max(2, ceil(many / 2)), many__lt=many).values_list("entitlement", "many")
    )
    rows = catalog_for([holder], "").filter(pk__in=common)
    whom = f"{holder.title} in {holder.department}"
    told = [Suggestion(f"{common[row.pk]} of {many} others who are {whom} hold it.", row) for row in rows]
    return sorted(told, key=lambda one: -common[one.entitlement.pk])[:MOST_SUGGESTED]  # type: ignore[union-attr]


def requestable_bundles(holders: Sequence[Identity], now: datetime) -> list[PreApproved]:
    """Bundles that each of the holders may ask for, by name: active, not given by rule, and with criteria they meet."""
    latest = BundleVersion.objects.filter(bundle__state=BundleState.ACTIVE).order_by("bundle", "-number")
    versions = latest.distinct("bundle").select_related("bundle")
    facts = list(identity_facts(holders, now).values())
    fitting = [
        version.bundle
        for version in versions
        if not version.birthright and all(criteria.admit(version.criteria, known) for known in facts)
    ]
    found = pre_approved([bundle.key for bundle in fitting]) if facts else {}
    named = sorted(fitting, key=lambda bundle: bundle.name)
    return [found[one.key] for one in named if one.key in found and found[one.key].entitlement_ids]
