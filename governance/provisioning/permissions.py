"""Who may see a person's task, who may do it, and who may judge what was done.

Nobody works on their own access, and nobody judges their own work: all identities of a human count as one, and
whoever answers for the holder counts as the holder (rule 2). Owners are resolved when it matters (rule 16).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.catalog.models import System
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, answerable_for, members, owners_of, same_human
from governance.identities.states import OwnerRole
from governance.provisioning.models import ManualEvidence, ManualTask
from governance.provisioning.querysets import ManualTaskQuerySet
from governance.provisioning.states import TO_DO, ManualState

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
HOLDER = "task__assignment__account__identity"
SYSTEM = "task__assignment__account__system"


@dataclass(frozen=True, slots=True)
class _Reach:
    """What the actor answers for, read first: as subqueries of one statement the planner can take minutes over it."""

    identity_ids: frozenset[UUID]
    team_ids: frozenset[UUID]
    system_ids: frozenset[UUID]
    governs: bool
    now: datetime


def _reach(actor: Actor, now: datetime) -> _Reach:
    memberships = TeamMembership.objects.at(now).filter(identity__in=actor.identity_ids)
    teams = dict(memberships.values_list("team", "team__key"))
    mine = Q(identity__in=actor.identity_ids) | Q(team__in=teams.keys())
    systems = Ownership.objects.at(now).filter(mine, subject_kind=System.NOUN).values_list("subject_id", flat=True)
    governs = GOVERNANCE_TEAM in teams.values()
    return _Reach(frozenset(actor.identity_ids), frozenset(teams), frozenset(systems), governs, now)


def visible(actor: Actor, now: datetime) -> "ManualTaskQuerySet[ManualTask]":
    """Tasks on systems that the actor owns, and those they had a hand in; all for governance and who oversees."""
    if actor.has(*SEES_ALL):
        return ManualTask.objects.all()
    reach = _reach(actor, now)
    taken_part = Q(pk__in=_done_by(reach)) | Q(judge__in=reach.identity_ids)
    return ManualTask.objects.filter(_owned(reach) | _as_governance(reach) | taken_part)


def to_do(actor: Actor, now: datetime) -> "ManualTaskQuerySet[ManualTask]":
    """Tasks that wait for the actor to do them."""
    return ManualTask.objects.filter(_to_do(_reach(actor, now)))


def to_confirm(actor: Actor, now: datetime) -> "ManualTaskQuerySet[ManualTask]":
    """Tasks that wait for the actor to judge what somebody else has done."""
    return ManualTask.objects.filter(_to_confirm(_reach(actor, now)))


def waiting_for(actor: Actor, now: datetime) -> "ManualTaskQuerySet[ManualTask]":
    """Both kinds."""
    reach = _reach(actor, now)
    return ManualTask.objects.filter(_to_do(reach) | _to_confirm(reach))


def _to_do(reach: _Reach) -> Q:
    asked = _owned(reach) | Q(escalated_at__isnull=False) & _as_governance(reach)
    return Q(state__in=TO_DO) & asked & ~_own_access(reach)


def _to_confirm(reach: _Reach) -> Q:
    asked = _owned(reach) | _as_governance(reach)
    return Q(state=ManualState.DONE) & asked & ~_own_access(reach) & ~Q(pk__in=_done_by(reach))


def _owned(reach: _Reach) -> Q:
    return Q(**{f"{SYSTEM}__in": reach.system_ids})


def _as_governance(reach: _Reach) -> Q:
    """All tasks for members of the governance team, none for others."""
    return Q(pk__isnull=not reach.governs)


def _own_access(reach: _Reach) -> Q:
    """One's own, and that of what one answers for; each holder is looked up by the index of what is owned."""
    mine = Q(identity__in=reach.identity_ids) | Q(team__in=reach.team_ids)
    held = Ownership.objects.at(reach.now).filter(mine, subject_kind=Identity.NOUN, subject_id=OuterRef(f"{HOLDER}_id"))
    return Q(**{f"{HOLDER}__in": reach.identity_ids}) | Q(Exists(held.values("pk")))


def _done_by(reach: _Reach) -> "QuerySet[ManualEvidence, Any]":
    return ManualEvidence.objects.filter(giver__in=reach.identity_ids).values("manual_task")


def refusal(actor: Actor, verb: str, task: ManualTask, now: datetime) -> str | None:
    """Why the actor may not do this to a task they can see, in words, or None when they may."""
    if verb not in _RULES:
        return f"Nobody may {verb} a task."
    if actor.identity_ids & own_access(task, now):
        return "It is your own access, or that of an identity you answer for: somebody else does this."
    return _RULES[verb](actor, task, now)


def _do(actor: Actor, task: ManualTask, now: datetime) -> str | None:
    allowed = to_do(actor, now).filter(pk=task.pk).exists()
    return None if allowed else "Only the owners of the system do this, or the governance team once it is late."


def _judge(actor: Actor, task: ManualTask, now: datetime) -> str | None:
    if actor.identity_ids & workers(task):
        return "You did this yourself, so somebody else has to confirm it."
    allowed = to_confirm(actor, now).filter(pk=task.pk).exists()
    return None if allowed else "Only another owner of the system, or the governance team, confirms this."


_RULES = {"do": _do, "confirm": _judge, "send_back": _judge}
_FROM = {"do": TO_DO, "confirm": {ManualState.DONE}, "send_back": {ManualState.DONE}}


def can(actor: Actor, verb: str, task: ManualTask, now: datetime) -> bool:
    """Whether the actor may do this to a task they can see."""
    return task.state in _FROM.get(verb, ()) and refusal(actor, verb, task, now) is None


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> ManualTask:
    """Take a task one may see and act on. Raises NotFound, Denied, or Conflict when it is at another stage."""
    try:
        task = locked(ManualTask.objects.filter(pk__in=visible(actor, now).values("pk")).with_names(), pk)
    except ManualTask.DoesNotExist:
        raise NotFound from None
    if task.state not in _FROM[verb]:
        raise Conflict(_stage(task), code="already_decided")
    reason = refusal(actor, verb, task, now)
    if reason is not None:
        raise Denied(reason)
    return task


def _stage(task: ManualTask) -> str:
    """Who came first, and when."""
    match task.state:
        case ManualState.DONE:
            return f"{task.doer} has done it, {task.done_at:%d %b %Y %H:%M} UTC. It waits to be confirmed."
        case ManualState.CONFIRMED:
            return f"{task.judge} has confirmed it, {task.judged_at:%d %b %Y %H:%M} UTC."
        case ManualState.CLOSED:
            return "It is closed: what it was for is wanted otherwise by now."
    return "Nobody has done it yet."


def own_access(task: ManualTask, now: datetime) -> frozenset[UUID]:
    """Whose access it is: the holder and whoever answers for it, with all identities of those humans (rule 2)."""
    holder = task.task.assignment.account.identity_id
    return same_human({holder}) | answerable_for(holder, now) if holder else frozenset()


def workers(task: ManualTask) -> frozenset[UUID]:
    """All who have ever done it, with all identities of those humans."""
    return same_human(task.files.values_list("giver", flat=True))


def asked_to_do(task: ManualTask, now: datetime) -> list[Identity]:
    """The people to tell that it is theirs to do: the system's owners, else its backups, else governance."""
    return _eligible(task, now, own_access(task, now))


def asked_to_confirm(task: ManualTask, now: datetime) -> list[Identity]:
    """The people to tell that it is theirs to confirm."""
    return _eligible(task, now, own_access(task, now) | workers(task))


def _eligible(task: ManualTask, now: datetime, but: frozenset[UUID]) -> list[Identity]:
    system = task.task.assignment.account.system_id
    for people in (
        owners_of(System.NOUN, system, now),
        owners_of(System.NOUN, system, now, role=OwnerRole.BACKUP_OWNER),
    ):
        if found := [one for one in people if one.pk not in but]:
            return found
    return [one for one in members(GOVERNANCE_TEAM, now) if one.pk not in but]
