"""Who may see a grant, and who may end it. Pages, API and exports all pass through here."""

from datetime import datetime
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
from governance.policy.words import minute

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
ENDABLE = STANDING | WAITING


def visible(actor: Actor, now: datetime) -> "GrantQuerySet[Grant]":
    """Grants held or asked for by the actor, of what they own, of their reports; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return Grant.objects.all()
    mine = actor.identity_ids
    if not mine:
        return Grant.objects.none()
    systems = Entitlement.objects.filter(system__in=owned_ids("system", mine, now))
    return Grant.objects.filter(
        Q(identity__in=mine)
        | Q(requester__in=mine)
        | Q(accountable_owner__in=mine)
        | Q(identity__in=owned_ids("identity", mine, now))
        | Q(identity__in=Identity.objects.filter(manager__in=mine).values("pk"))
        | Q(entitlement__in=owned_ids("entitlement", mine, now))
        | Q(entitlement__in=systems.values("pk"))
        | Q(purpose__in=owned_ids("purpose", mine, now)),
    )


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


_RULES = {"hand_back": _hand_back, "revoke": _revoke}


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
