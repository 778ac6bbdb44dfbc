"""Who may see replays: those who oversee everything that they name. Who may write a rule may replay it."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from governance.analysis.models import Finding, Replay
from governance.analysis.states import ReplayState
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.policy import permissions as policy
from governance.policy.models import PolicyRuleVersion

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS = frozenset({"start", "stop"})


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
