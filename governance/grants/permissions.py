"""Who may see a grant, and who may end it. Pages, API and exports all pass through here."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from governance.catalog.models import Entitlement
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.grants.models import Grant
from governance.grants.querysets import GrantQuerySet
from governance.grants.states import STANDING, WAITING
from governance.identities.models import Identity
from governance.identities.queries import owned_ids
from governance.policy.discretion import discreet
from governance.policy.models import PolicyDecision
from governance.policy.words import minute

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
ENDABLE = STANDING | WAITING

FEW = 5_000
"""Grants that are rather found and sorted than looked for in the order of a list."""


def visible(actor: Actor, now: datetime) -> "GrantQuerySet[Grant]":
    """Grants held or asked for by the actor, of what they own, of their reports; all for those who oversee."""
    return Grant.objects.all() if actor.has(*SEES_ALL) else _seen(actor, now, "in")


def listed(actor: Actor, now: datetime) -> "GrantQuerySet[Grant]":
    """The same, for a list. Of few grants all are found first, by the indexes: it takes the time that these take.

    In the order of the list, the database would look for somebody's few among everybody's.
    """
    if actor.has(*SEES_ALL):
        return Grant.objects.all()
    found = _seen(actor, now, "among").values("pk")
    few = found[: FEW + 1].count() <= FEW
    return Grant.objects.filter(pk__among=found) if few else visible(actor, now)


def _seen(actor: Actor, now: datetime, lookup: str) -> "GrantQuerySet[Grant]":
    """`lookup` is how the database is to look for what the actor owns."""
    mine = actor.identity_ids
    if not mine:
        return Grant.objects.none()
    systems = Entitlement.objects.filter(system__in=owned_ids("system", mine, now))
    by = [
        ("identity", owned_ids("identity", mine, now)),
        ("identity", Identity.objects.filter(manager__in=mine).values("pk")),
        ("entitlement", owned_ids("entitlement", mine, now)),
        ("entitlement", systems.values("pk")),
        ("purpose", owned_ids("purpose", mine, now)),
    ]
    own = Q(identity__in=mine) | Q(requester__in=mine) | Q(accountable_owner__in=mine)
    return Grant.objects.filter(reduce(or_, (Q(**{f"{field}__{lookup}": ids}) for field, ids in by), own))


def overseen(actor: Actor, identity_ids: Collection[UUID], now: datetime) -> frozenset[UUID]:
    """Those of the identities whose every grant the actor sees: their own, of reports, of what they own."""
    mine = actor.identity_ids
    if actor.has(*SEES_ALL) or mine.issuperset(identity_ids):
        return frozenset(identity_ids)
    answered = Q(pk__in=mine) | Q(manager__in=mine) | Q(pk__in=owned_ids("identity", mine, now))
    return frozenset(Identity.objects.filter(answered, pk__in=identity_ids).values_list("pk", flat=True))


def told(decisions: Iterable[PolicyDecision], actor: Actor, now: datetime) -> Mapping[UUID, PolicyDecision]:
    """Decisions by their ids, as the actor may read them.

    Who asked for somebody whose grants they don't see is told nothing of those; approvers and holders are told all.
    """
    rows = list(decisions)
    asked = {one.pk: UUID(one.facts["identity"]["id"]) for one in rows if _asked_by(one) in actor.identity_ids}
    hidden = frozenset(asked.values()) - overseen(actor, frozenset(asked.values()), now)
    return {one.pk: discreet(one) if asked.get(one.pk) in hidden else one for one in rows}


def _asked_by(decision: PolicyDecision) -> UUID:
    return UUID(decision.facts["request"]["requester_id"])


def refusal(actor: Actor, verb: str, grant: Grant, now: datetime) -> str | None:
    """Why the actor may not do this to a grant they can see, in words, or None when they may."""
    if verb not in _RULES:
        return f"Nobody may {verb} a grant."
    if grant.state not in ENDABLE:
        return f"{grant} has ended already."
    return _RULES[verb](actor, grant, now)


def _hand_back(actor: Actor, grant: Grant, now: datetime) -> str | None:
    holds = grant.identity_id in actor.identity_ids
    owns = owned_ids("identity", actor.identity_ids, now).filter(subject_id=grant.identity_id).exists()
    return None if holds or owns else "Only the holder, or the owner of the machine identity that holds it, hands back."


def _narrow(actor: Actor, grant: Grant, now: datetime) -> str | None:
    refused = _hand_back(actor, grant, now) is not None
    return "Only the holder, or the owner of the machine identity that holds it, shortens it." if refused else None


def _revoke(actor: Actor, grant: Grant, now: datetime) -> str | None:
    mine = actor.identity_ids
    if actor.has(Role.SECURITY) or grant.accountable_owner_id in mine or grant.identity.manager_id in mine:
        return None
    for kind, pk in (
        ("entitlement", grant.entitlement_id),
        ("system", grant.entitlement.system_id),
        ("purpose", grant.purpose_id),
    ):
        if owned_ids(kind, mine, now).filter(subject_id=pk).exists():
            return None
    return "Only an owner, the holder's manager or security ends a grant early."


_RULES = {"hand_back": _hand_back, "narrow": _narrow, "revoke": _revoke}


def can(actor: Actor, verb: str, grant: Grant, now: datetime) -> bool:
    """Whether the actor may do this to a grant they can see."""
    return refusal(actor, verb, grant, now) is None


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> Grant:
    """Take a grant one may see and act on. Raises NotFound, Denied, or Conflict once it has ended."""
    try:
        grant = locked(Grant.objects.filter(pk__in=visible(actor, now).values("pk")), pk)
    except Grant.DoesNotExist:
        raise NotFound from None
    if grant.state not in ENDABLE:
        raise Conflict(_ended_by(grant), code="already_ended")
    reason = refusal(actor, verb, grant, now)
    if reason is not None:
        raise Denied(reason)
    return grant


def _ended_by(grant: Grant) -> str:
    """Who or what came first, and when."""
    end = grant.history.exclude(state__in=ENDABLE).order_by("history_date", "history_id").first()
    if end is None:
        return f"{grant} has ended already."
    return f"{grant} has ended already: by {end.history_actor}, {minute(end.history_date)}."
