"""Who may see replays: those who oversee everything that they name. Who may write a rule may replay it.

What a survey has found of a thing is for whoever answers for it as well, and theirs to dismiss.
"""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.analysis.models import Finding, Found, Replay, RoleSuggestion, StaleFinding, Survey
from governance.analysis.states import FoundState, ReplayState
from governance.catalog.models import Bundle, Entitlement, System
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.identities.queries import owned_ids
from governance.policy import permissions as policy
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.purposes.models import Purpose

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS = frozenset({"start", "stop"})

F = TypeVar("F", bound=Found)


def visible(actor: Actor) -> "QuerySet[Replay]":
    """All for those who oversee, since the findings are about everybody; none for others."""
    return Replay.objects.all() if actor.has(*SEES_ALL) else Replay.objects.none()


def findings(actor: Actor) -> "QuerySet[Finding]":
    """The findings of all replays that the actor may see."""
    return Finding.objects.filter(replay__in=visible(actor))


def can(actor: Actor, verb: str) -> bool:
    """Whether the actor may do this."""
    return verb in VERBS and policy.can(actor, "draft")


def version(actor: Actor, pk: UUID, now: datetime) -> PolicyRuleVersion:
    """The version that the actor wants to replay. Raises NotFound, Denied."""
    rules = policy.visible(actor, now)
    found = PolicyRuleVersion.objects.filter(pk=pk, rule__in=rules).select_related("rule").first()
    if found is None:
        raise NotFound
    _require(actor, "start")
    return found


def stoppable(actor: Actor, pk: UUID) -> Replay:
    """A replay that runs, for whoever may stop it; not held. Raises NotFound, Denied, Conflict once it is over."""
    found = visible(actor).filter(pk=pk).select_related("version__rule").first()
    if found is None:
        raise NotFound
    _require(actor, "stop")
    if found.state != ReplayState.RUNNING:
        raise Conflict(f"{found} is over.", code="already_over")
    return found


def lock(actor: Actor, verb: str, pk: UUID) -> Replay:
    """A replay, held. Raises NotFound, Denied."""
    if not visible(actor).filter(pk=pk).exists():
        raise NotFound
    _require(actor, verb)
    return locked(visible(actor).select_related("version__rule"), pk)


def _require(actor: Actor, verb: str) -> None:
    if not can(actor, verb):
        raise Denied(f"Only an administrator may {verb} a replay.")


def surveys(actor: Actor) -> "QuerySet[Survey]":
    """All for those who oversee; none for others, who see what was found of what is theirs."""
    return Survey.objects.all() if actor.has(*SEES_ALL) else Survey.objects.none()


def require_survey(actor: Actor) -> None:
    """Whoever may have everything looked at. Raises NotFound for those who see no survey, Denied."""
    if not actor.has(*SEES_ALL):
        raise NotFound
    if not actor.has(Role.ADMINISTRATOR):
        raise Denied("Only an administrator may have everything looked at.")


def stale(actor: Actor, now: datetime) -> "QuerySet[StaleFinding]":
    """What was found of things that the actor owns, and of entitlements of their systems; all for those who oversee."""
    if actor.has(*SEES_ALL):
        return StaleFinding.objects.all()
    return StaleFinding.objects.filter(_answered_for(actor, now))


def _answered_for(actor: Actor, now: datetime) -> Q:
    mine = actor.identity_ids
    found = Q(system__in=owned_ids(System.NOUN, mine, now))
    for kind in (Bundle.NOUN, Entitlement.NOUN, Purpose.NOUN, PolicyRule.NOUN):
        found |= Q(owner_kind=kind, owner_id__in=owned_ids(kind, mine, now))
    return found


def suggestions(actor: Actor) -> "QuerySet[RoleSuggestion]":
    """All for those who oversee, since they are about everybody's access; none for others."""
    return RoleSuggestion.objects.all() if actor.has(*SEES_ALL) else RoleSuggestion.objects.none()


def finding_refusal(actor: Actor, finding: StaleFinding, now: datetime) -> str | None:
    """Why the actor may not dismiss a finding that they see, in words; None when they may."""
    if finding.holder_id in actor.identity_ids:
        return "Nobody dismisses a finding about their own access."
    if not StaleFinding.objects.filter(_answered_for(actor, now), pk=finding.pk).exists():
        return "Only whoever answers for it may dismiss it."
    return None


def dismissable_finding(actor: Actor, pk: UUID, now: datetime) -> StaleFinding:
    """A finding that the actor may dismiss, not held. Raises NotFound, Denied, Conflict unless it is open."""
    found = stale(actor, now).filter(pk=pk).first()
    if found is None:
        raise NotFound
    if refusal := finding_refusal(actor, found, now):
        raise Denied(refusal)
    return _open(found)


def dismissable_suggestion(actor: Actor, pk: UUID) -> RoleSuggestion:
    """A suggestion that the actor may dismiss, not held. Raises NotFound, Denied, Conflict unless it is open."""
    found = suggestions(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    if not may_dismiss_suggestions(actor):
        raise Denied("Only an administrator may dismiss a suggestion.")
    return _open(found)


def may_dismiss_suggestions(actor: Actor) -> bool:
    """Whether the actor may dismiss suggestions: they are about everybody's access, so nobody owns them."""
    return actor.has(Role.ADMINISTRATOR)


def _open(found: F) -> F:
    if found.state != FoundState.OPEN:
        raise Conflict(f"{found} is {found.get_state_display().lower()} already.", code="already_closed")
    return found


def measurable(actor: Actor, now: datetime) -> frozenset[UUID] | None:
    """The entitlements whose speed the actor may know: what they own, or stands in systems they own; None for all.

    Raises NotFound for those who own none and do not oversee.
    """
    if actor.has(*SEES_ALL):
        return None
    mine = actor.identity_ids
    of_system = Q(system__in=owned_ids(System.NOUN, mine, now))
    own = Entitlement.objects.filter(of_system | Q(pk__in=owned_ids(Entitlement.NOUN, mine, now)))
    found = frozenset(own.values_list("pk", flat=True))
    if not found:
        raise NotFound
    return found
