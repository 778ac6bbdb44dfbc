"""A version of a rule that takes effect, held against every live lease (rule 9).

Each is judged by the decision that began it, with this version instead of the one of then, as a replay does: what a
replay has shown before is what happens. If this is wrong, somebody keeps what policy no longer allows, or loses what
it does.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from governance.access.models import Assignment
from governance.core.actor import Actor
from governance.core.locking import locked_all
from governance.core.moves import create, move
from governance.core.wake import after_commit
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.grants.querysets import GrantQuerySet
from governance.grants.rules import TIMED_AHEAD
from governance.grants.states import STANDING
from governance.lifecycle.models import Reevaluation, ReevaluationProgress
from governance.lifecycle.states import Denied, Fate, ReevaluationState
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.judging import Differs, Judge
from governance.policy.models import PolicyRuleVersion
from governance.policy.states import Change
from governance.policy.words import minute

RUN: Final = "lifecycle.reevaluate"
"""The task that goes on with one re-evaluation."""

BATCH: Final = 500
"""Leases that are judged in one transaction."""

AFTER: Final = timedelta(minutes=1)
"""So long after a version takes effect, whoever began a lease by the version before has committed."""

STRICTER: Final = frozenset({Change.STEPS_ADDED, Change.SHORTER})
"""What the lease would not have got as it is. How often it is reviewed follows from policy when it is."""

NOT_JUDGED: Final = "The decision that began it lacks a fact that is needed now."


def fate(differs: Differs | None) -> Fate:
    """What the change means to a lease whose verdict differs so; None where that can't be judged.

    The portal's own roles are never taken by it: whoever could mend the rule might be locked out. Nor is what somebody
    holds in an emergency: it ends within hours, and before that security stops it (rule 11).
    """
    if differs is None:
        return Fate.REVIEW
    if Change.DENIED in differs.changes:
        spared = differs.facts.system.key == PORTAL_SYSTEM or differs.facts.request.break_glass
        return Fate.REVIEW if spared else Fate.REVOKE
    return Fate.REVIEW if STRICTER.intersection(differs.changes) else Fate.UNCHANGED


def begin(
    version: PolicyRuleVersion, denied: Denied, *, effective_from: datetime, actor: Actor, why: str, now: datetime
) -> Reevaluation:
    """Have all live leases held against a version that has just been published, once it is in force."""
    made = Reevaluation(version=version, denied=denied, due_at=effective_from + AFTER)
    create(made, actor=actor, why=why, now=now)
    ReevaluationProgress(reevaluation=made).save(force_insert=True)
    if made.due_at - now <= TIMED_AHEAD:
        after_commit(RUN, made.pk, at=made.due_at)
    return made


@dataclass(frozen=True, slots=True)
class Judged:
    """A live lease with its fate, and why it met it; empty where it stays as it is."""

    lease: Grant
    fate: Fate
    why: str = ""


def advance(found: Reevaluation, progress: ReevaluationProgress, judge: Judge, *, actor: Actor, now: datetime) -> bool:
    """Judge one batch for a held re-evaluation, and do what follows. False once there are no more."""
    leases = list(_left(progress, now)[:BATCH])
    if not leases:
        return False
    judged = _judged(found, leases, judge)
    _end({one.lease.pk: one.why for one in judged if one.fate == Fate.REVOKE}, actor=actor, now=now)
    _tell(found, [one for one in judged if one.fate == Fate.REVIEW], now)
    progress.counts = Counter(progress.counts) + Counter(str(one.fate) for one in judged)
    progress.last = leases[-1].pk
    progress.save()
    return True


def _left(progress: ReevaluationProgress, now: datetime) -> "GrantQuerySet[Grant]":
    """The leases that stand and have not been judged yet, with the decisions that began them."""
    standing = Grant.objects.filter(state__in=STANDING, ends_at__gt=now, pk__gt=progress.last or UUID(int=0))
    return standing.select_related("activation_decision", "entitlement__system", "identity").order_by("pk")


def _judged(found: Reevaluation, leases: Sequence[Grant], judge: Judge) -> list[Judged]:
    differing = judge.judge([one.activation_decision for one in leases if one.activation_decision])
    return [_one(found, lease, differing) for lease in leases]


def _one(found: Reevaluation, lease: Grant, differing: Mapping[UUID, Differs | None]) -> Judged:
    decision_id = lease.activation_decision_id
    if decision_id is not None and decision_id not in differing:
        return Judged(lease, Fate.UNCHANGED)
    differs = differing[decision_id] if decision_id is not None else None
    met = fate(differs)
    if met == Fate.REVOKE and found.denied == Denied.RUN_OUT:
        met = Fate.REVIEW
    return Judged(lease, met, _why(found.version, differs))


def _why(version: PolicyRuleVersion, differs: Differs | None) -> str:
    if differs is None:
        return NOT_JUDGED
    if Change.DENIED in differs.changes:
        return f"{version} no longer allows it. {differs.why}"
    return f"{version} is stricter: {', '.join(str(change.label).lower() for change in differs.changes)}."


def _end(lost: Mapping[UUID, str], *, actor: Actor, now: datetime) -> None:
    """End those of the leases that still stand, each with its reason."""
    behind = Grant.objects.filter(pk__in=lost).values("assignment")
    assignments = locked_all(Assignment.objects.with_names().filter(pk__in=behind))
    groups: dict[str, list[Grant]] = defaultdict(list)
    for grant in locked_all(Grant.objects.with_names().filter(pk__in=lost, state__in=STANDING)):
        groups[lost[grant.pk]].append(grant)
    for why, held in groups.items():
        under = {grant.assignment_id for grant in held}
        grants.end(held, [one for one in assignments if one.pk in under], actor=actor, why=why, now=now)


def _tell(found: Reevaluation, stricter: Sequence[Judged], now: datetime) -> None:
    """Tell whoever answers for each lease that stays although policy would not give it so any more."""
    notices = (
        Notice(
            one.lease.accountable_owner_id,
            Topic.WORK,
            f"{one.lease.entitlement} of {one.lease.identity} no longer fits policy",
            f"{one.why} {one.lease} stays until {minute(one.lease.ends_at)} unless you end it.",
            (Grant.NOUN, one.lease.pk),
            f"reevaluated:{found.pk}:{one.lease.pk}",
        )
        for one in stricter
    )
    notify(notices, now=now)


def finish(found: Reevaluation, progress: ReevaluationProgress, *, actor: Actor, now: datetime) -> None:
    """End a held re-evaluation that has judged every lease; its event has the counts."""
    counts = {fate.value: progress.counts.get(fate.value, 0) for fate in Fate}
    why = "Every live lease has been judged"
    move(found, ReevaluationState.DONE, actor=actor, why=why, now=now, counts=counts, closed_at=now)


def stop(found: Reevaluation, progress: ReevaluationProgress, *, actor: Actor, why: str, now: datetime) -> None:
    """End a held re-evaluation before that: its version is not in force."""
    changes: dict[str, Any] = {"state_reason": why, "counts": progress.counts, "closed_at": now}
    move(found, ReevaluationState.STOPPED, actor=actor, why=why, now=now, **changes)
