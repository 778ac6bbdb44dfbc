"""Who may see break-glass, who reviews it, marks what is rotated, closes it and stops it. Rules 11 and 14."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from governance.break_glass.models import BreakGlass
from governance.break_glass.queries import parties, reviewers
from governance.break_glass.querysets import GlassQuerySet
from governance.break_glass.states import ExposureState, GlassState
from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.grants import permissions as grants
from governance.grants.states import OVER, STANDING
from governance.identities.models import TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM
from governance.policy.words import minute

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
WATCHES = (Role.SECURITY,)
NOT_THEIRS = "An owner, security or the governance team does this, and nobody who had a part in it."
FROM = {
    "review": frozenset({GlassState.OPEN}),
    "rotate": frozenset({GlassState.REVIEWED}),
    "close": frozenset({GlassState.REVIEWED}),
    "stop": frozenset(GlassState),
}
"""What may be done, and in which states."""


def visible(actor: Actor, now: datetime) -> "GlassQuerySet[BreakGlass]":
    """One's own, of grants that one sees, and what one was told of; all for those who oversee, or may review it."""
    if actor.has(*SEES_ALL) or _in_teams_that_review(actor, now):
        return BreakGlass.objects.all()
    leases = grants.visible(actor, now)
    told = Q(told__overlap=list(actor.identity_ids))
    return BreakGlass.objects.filter(Q(holder__in=actor.identity_ids) | Q(grant__in=leases.values("pk")) | told)


def _in_teams_that_review(actor: Actor, now: datetime) -> bool:
    """Whether the actor belongs to security or the governance team: they are told that reviews wait."""
    teams = TeamMembership.objects.at(now).filter(team__key__in=[GOVERNANCE_TEAM, SECURITY_TEAM])
    return actor.kind == ActorKind.HUMAN and teams.filter(identity__in=actor.identity_ids).exists()


def reports(actor: Actor, now: datetime) -> "GlassQuerySet[BreakGlass]":
    """What the report counts: all for those who oversee, else what one owns. Raises NotFound if that is nothing."""
    seen = visible(actor, now)
    if not actor.has(*SEES_ALL):
        seen = seen.exclude(holder__in=actor.identity_ids)
        if not seen.exists():
            raise NotFound
    return seen


def reviewer_for(actor: Actor, glass: BreakGlass, now: datetime) -> UUID | None:
    """The actor's identity that may review it: owner, security or governance, and nobody with a part in it."""
    if actor.kind != ActorKind.HUMAN or parties(glass, now) & actor.identity_ids:
        return None
    if actor.has(Role.SECURITY):
        return actor.identity_id
    return min(reviewers(glass, now) & actor.identity_ids, default=None)


def refusal(actor: Actor, verb: str, glass: BreakGlass, now: datetime) -> str | None:
    """Why the actor may not do this to what they can see, in words, or None when they may."""
    if verb == "stop":
        return None if actor.has(Role.SECURITY) else "Security stops it."
    if verb not in FROM:
        return "There is no such act."
    if reviewer_for(actor, glass, now) is None:
        return NOT_THEIRS
    return None


def obstacle(verb: str, glass: BreakGlass, now: datetime) -> str | None:
    """What stands against it as things are, whoever asks, in words; None where nothing does."""
    if glass.state not in FROM[verb]:
        return f"{glass} is {glass.get_state_display().lower()}."
    grant = glass.grant
    match verb:
        case "stop":
            over = grant.state not in STANDING or grant.ends_at <= now
            return f"{grant} has ended already." if over else None
        case "review":
            stands = grant.state in STANDING and grant.ends_at > now
            return (
                f"{grant} stands until {minute(grant.ends_at)}: it is reviewed when it has ended." if stands else None
            )
        case "close" if grant.state not in OVER:
            return f"The removal of {grant} is not verified yet."
        case "close" if left := glass.exposures.exclude(state=ExposureState.ROTATED).count():
            return f"{left} exposed credential{'' if left == 1 else 's'} must be rotated first."
    return None


def acts(actor: Actor, glass: BreakGlass, now: datetime) -> list[str]:
    """What the actor may do to it now."""
    return [verb for verb in FROM if obstacle(verb, glass, now) is None and refusal(actor, verb, glass, now) is None]


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> BreakGlass:
    """Take break-glass that one may see and act on; its grant is held already. Raises NotFound, Denied, Conflict."""
    rows = BreakGlass.objects.filter(pk__in=visible(actor, now).values("pk")).with_names()
    try:
        glass = locked(rows, pk)
    except BreakGlass.DoesNotExist:
        raise NotFound from None
    if reason := refusal(actor, verb, glass, now):
        raise Denied(reason)
    if reason := obstacle(verb, glass, now):
        raise Conflict(reason, code="not_yet" if verb == "close" else "conflict")
    return glass
