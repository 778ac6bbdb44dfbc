"""What happens to a lease. Callers hold the locks: assignment before grant, both before what asked for it.

An assignment is driven to a level: whoever changes a grant recomputes `wanted` from the grants live then,
so two ends at once remove the access once, and a slow removal never takes what was leased again meanwhile.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Case, Exists, F, Func, OuterRef, Subquery, TextField, Value, When
from django.db.models.functions import Concat

from governance.access.models import Assignment, Verification
from governance.access.queries import last_seen
from governance.access.states import Observation
from governance.catalog.models import Entitlement
from governance.catalog.states import CatalogState
from governance.core import labels
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.core.locking import locked_all
from governance.core.moves import amend, amend_many, create, move, move_many
from governance.core.setmoves import move_set
from governance.core.wake import after_commit
from governance.grants import notices
from governance.grants.models import Grant
from governance.grants.querysets import GrantQuerySet
from governance.grants.rules import ACTIVATION_WINDOW, TIMED_AHEAD, in_words, is_due
from governance.grants.states import STANDING, STANDS_ON, UNPROVEN, Basis, GrantState
from governance.identities.models import Identity
from governance.policy.models import PolicyDecision
from governance.policy.words import minute
from governance.provisioning import moves as provisioning
from governance.provisioning.models import ProvisioningTask
from governance.purposes.models import Purpose
from governance.purposes.states import PurposeState

ON_OTHERS = f"{STANDS_ON} another live grant"


_MINUTE = Func(
    F("ends_at"),
    template="to_char(%(expressions)s AT TIME ZONE 'UTC', 'FMDD Mon YYYY HH24:MI')",
    output_field=TextField(),
)
_NAMED = Case(
    When(
        basis=Basis.BREAK_GLASS,
        then=Concat(
            labels.expression(Grant),
            Value(" until "),
            _MINUTE,
            Value(" UTC on break-glass"),
            output_field=TextField(),
        ),
    ),
    default=labels.expression(Grant),
    output_field=TextField(),
)
"""A live grant that access stands on, in SQL as `_support` has it in Python."""

LEASES_EACH = 100
"""Leases of one assignment that a sweep ends at once, one for each purpose: more would be the next sweep's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What is to be leased, once somebody or some rule has said yes.

    Either `term` (counted from activation) or `until` is set. `starts_at` is None for what begins at once; `renews` is
    the grant that it follows.
    """

    identity: Identity
    entitlement: Entitlement
    purpose: Purpose
    owner: Identity
    requester: Identity
    decision: PolicyDecision
    source: tuple[str, UUID]
    term: timedelta | None
    until: datetime | None
    starts_at: datetime | None = None
    renews: Grant | None = None

    def begins(self, now: datetime) -> datetime:
        """When it begins: now, unless it is asked for later."""
        return max(now, self.starts_at or now)


def latest_possible_end(lease: Lease, now: datetime) -> datetime:
    """The end the grant carries until activation fixes it: never later than purpose and identity allow."""
    asked = lease.until or lease.begins(now) + ACTIVATION_WINDOW + (lease.term or timedelta())
    limits = [lease.purpose.ends_at, lease.purpose.review_at, lease.identity.ends_at]
    return min([asked, *(limit for limit in limits if limit is not None)])


def approve(lease: Lease, *, basis: Basis, actor: Actor, why: str, now: datetime) -> Grant:
    """Make the grant that was said yes to, and wake the worker that activates it. Raises Conflict (rules 1, 6).

    One that begins later is scheduled: the sweep finds it when it is due.
    """
    refuse_unfounded(lease, now)
    kind, pk = lease.source
    grant = Grant(
        identity=lease.identity,
        entitlement=lease.entitlement,
        purpose=lease.purpose,
        accountable_owner=lease.owner,
        requester=lease.requester,
        state=GrantState.APPROVED,
        basis=basis,
        source_kind=kind,
        source_id=pk,
        policy_decision=lease.decision,
        renews=lease.renews,
        term=lease.term,
        starts_at=lease.begins(now),
        ends_at=latest_possible_end(lease, now),
        created_at=now,
    )
    refuse_overlap(grant)
    create(grant, actor=actor, why=why, now=now)
    if grant.starts_at > now:
        move(grant, GrantState.SCHEDULED, actor=actor, why=f"It begins {minute(grant.starts_at)}", now=now)
    if is_due(grant.state, grant.starts_at, now, renewal=grant.renews_id is not None):
        after_commit("grants.activate", grant.pk)
    return grant


def refuse_unfounded(lease: Lease, now: datetime) -> None:
    """Raise Conflict when what the lease is to rest on has ended while it waited for its yes (rule 1)."""
    if lease.purpose.state != PurposeState.ACTIVE:
        msg = f"{lease.purpose} is {lease.purpose.get_state_display().lower()}: nothing new rests on it."
        raise Conflict(msg, code="rule_01_purpose")
    if lease.entitlement.state != CatalogState.ACTIVE:
        msg = f"{lease.entitlement} is {lease.entitlement.get_state_display().lower()}: nobody is given it any more."
        raise Conflict(msg, code="entitlement_over")
    end = latest_possible_end(lease, now)
    if end <= now:
        raise Conflict(f"The lease would have ended {minute(end)}.", code="rule_01_end")
    if end <= lease.begins(now):
        raise Conflict(f"The lease would end {minute(end)}, before it begins.", code="rule_01_end")
    if lease.renews and lease.starts_at and lease.renews.ends_at < lease.starts_at:
        raise Conflict(cut_short(lease.renews), code="renewed_ended")


def cut_short(renewed: Grant) -> str:
    """Why a renewal of the grant can't begin: whoever ended that early has ended what follows from it."""
    return f"{renewed}, which it renews, came to an end before its time: {minute(renewed.ends_at)}."


def overlapping(grant: Grant) -> Grant | None:
    """A grant of the same identity, entitlement and purpose whose time meets this one's, or none (rule 6)."""
    return (
        Grant.objects.filter(identity=grant.identity_id, entitlement=grant.entitlement_id, purpose=grant.purpose_id)
        .exclude(state=GrantState.CANCELLED)
        .filter(starts_at__lt=grant.ends_at, ends_at__gt=grant.starts_at)
        .first()
    )


def refuse_overlap(grant: Grant) -> None:
    """Raise Conflict naming the grant that covers the time already."""
    other = overlapping(grant)
    if other is not None:
        period = in_words(other.starts_at, other.ends_at, grant.created_at)
        msg = f"{other} already covers this access for this purpose {period}."
        raise Conflict(msg, code="rule_06_overlap")


def cancel(grant: Grant, *, actor: Actor, why: str, now: datetime) -> Grant:
    """End a grant before anything was provisioned."""
    return move(grant, GrantState.CANCELLED, actor=actor, why=why, now=now, state_reason=why)


def start(
    grant: Grant,
    assignment: Assignment,
    decision: PolicyDecision,
    *,
    latest_end: datetime | None,
    actor: Actor,
    now: datetime,
) -> Grant:
    """Begin the term and drive the assignment to stand. The end moves earlier to what still holds (rule 3).

    A renewal is started a moment before it begins, and so supports the assignment when what it renews ends. Where the
    access stands already for another lease, it is looked at again: this one is not active unproven.
    """
    begins = max(now, grant.starts_at)
    ends = [grant.ends_at, latest_end, begins + grant.term if grant.term else None]
    move(
        grant,
        GrantState.PROVISIONING,
        actor=actor,
        why="Policy holds at activation",
        now=now,
        assignment=assignment,
        activation_decision=decision,
        starts_at=begins,
        ends_at=min(end for end in ends if end is not None),
    )
    why = f"{grant} started"
    drive([assignment], actor=actor, why=why, now=now)
    for settled in _settled([assignment]):
        provisioning.again(settled, actor=actor, why=why, now=now)
    _rest_on_others(locked_all(_unproven(assignment)), actor=actor, now=now)
    if grant.ends_at - now <= TIMED_AHEAD:
        after_commit("grants.expire", at=grant.ends_at)
    return grant


def drive(assignments: Collection[Assignment], *, actor: Actor, why: str, now: datetime) -> frozenset[UUID]:
    """Recompute `wanted` from the grants live now and have it brought about. Answers which are wanted."""
    live = Grant.objects.supporting(now).filter(assignment__in=[assignment.pk for assignment in assignments])
    wanted = frozenset(live.values_list("assignment", flat=True))
    provisioning.want_many(assignments, wanted, actor=actor, why=why, now=now)
    return wanted


def end(
    grants: Sequence[Grant],
    assignments: Collection[Assignment],
    *,
    actor: Actor,
    why: str,
    now: datetime,
) -> None:
    """End standing grants and drive their assignments, in a constant number of statements.

    A term that still ran is shortened to now: a moment of use asked from here on answers no (rule 4). Access that
    another live grant supports stands, and the ended grant is revoked at once, naming what it stands on.
    """
    move_many(grants, GrantState.REVOKING, actor=actor, why=why, now=now, each=_shortened(now), state_reason=why)
    wanted = drive(assignments, actor=actor, why=why, now=now)
    _rest_on_others([grant for grant in grants if grant.assignment_id in wanted], actor=actor, now=now)
    unwanted = [assignment for assignment in assignments if assignment.pk not in wanted]
    _rest_on_proof(grants, unwanted, actor=actor, why=why, now=now)


def shorten(
    grants: Sequence[Grant], until: Callable[[Grant], datetime], *, actor: Actor, why: str, now: datetime
) -> None:
    """Move the ends of grants that have not ended earlier, to what they rest on still allows (rule 1).

    One that would not even begin by then never does.
    """
    lost = [grant for grant in grants if grant.starts_at >= until(grant)]
    for grant in lost:
        cancel(grant, actor=actor, why=why, now=now)
    kept = [grant for grant in grants if grant not in lost]
    amend_many(kept, "shortened", actor=actor, why=why, now=now, each=lambda grant: {"ends_at": until(grant)})


def end_due(held: Collection[UUID], *, actor: Actor, why: str, now: datetime) -> int:
    """End what has come to its end on held assignments, by the thousand: a statement for each kind of row.

    What remains is what `end` would leave, but that one event records all removals. The rest, whose access was removed
    before, is seen to one by one: it is rare. Answers how many ended.
    """
    by: dict[str, Any] = {"actor": actor, "why": why, "now": now}
    due = Grant.objects.ended_by(now).filter(assignment__in=held)
    told: dict[str, Any] = {"returning": ["assignment"], "facts": {"ends_at": F("ends_at")}}
    most = LEASES_EACH * max(1, len(held))
    ended = dict(move_set(due, STANDING, GrantState.REVOKING, limit=most, state_reason=why, **told, **by))
    behind = frozenset(ended.values())
    support = Grant.objects.supporting(now).filter(assignment=OuterRef("pk"))
    lost = Assignment.objects.filter(~Exists(support), pk__in=behind)
    removed = provisioning.unwant_set(lost, limit=max(1, len(behind)), **by)
    kept = {pk: assignment_id for pk, assignment_id in ended.items() if assignment_id not in removed}
    resting = _rest_on_others_set(kept, actor=actor, now=now)
    if settled := {pk: assignment_id for pk, assignment_id in kept.items() if pk not in resting}:
        grants = list(Grant.objects.with_names().filter(pk__in=settled).order_by("pk"))
        unwanted = Assignment.objects.with_names().filter(pk__in=settled.values()).order_by("pk")
        _rest_on_proof(grants, list(unwanted), **by)
    return len(ended)


def _unproven(assignment: Assignment) -> "GrantQuerySet[Grant]":
    return Grant.objects.unproven().filter(assignment=assignment)


def _rest_on_others(grants: Sequence[Grant], *, actor: Actor, now: datetime) -> None:
    """Revoke ended grants whose access other live grants support, and name those."""
    support = _support({grant.assignment_id for grant in grants}, now)
    failed = [grant for grant in grants if grant.state == GrantState.REVOCATION_FAILED]
    move_many(failed, GrantState.REVOKING, actor=actor, why="Leased again meanwhile", now=now)
    move_many(
        grants,
        GrantState.REVOKED,
        actor=actor,
        why=ON_OTHERS,
        now=now,
        each=lambda grant: {"state_reason": f"{STANDS_ON} {support[grant.assignment_id]}"},
    )


def _rest_on_others_set(grant_ids: Collection[UUID], *, actor: Actor, now: datetime) -> frozenset[UUID]:
    """The same for ended grants by the hundred, in one statement. Answers which of them other grants support."""
    support = Grant.objects.supporting(now).filter(assignment=OuterRef("assignment"))
    names = StringAgg(_NAMED, ", ", order_by="number")
    named = Subquery(support.order_by().values("assignment").annotate(names=names).values("names"))
    revoked = move_set(
        Grant.objects.filter(Exists(support), pk__in=grant_ids),
        GrantState.REVOKING,
        GrantState.REVOKED,
        actor=actor,
        why=ON_OTHERS,
        now=now,
        limit=max(1, len(grant_ids)),
        state_reason=Concat(Value(f"{STANDS_ON} "), named, output_field=TextField()),
    )
    return frozenset(pk for (pk,) in revoked)


def _rest_on_proof(
    grants: Sequence[Grant], unwanted: Sequence[Assignment], *, actor: Actor, why: str, now: datetime
) -> None:
    """See to ended grants whose access was removed before their end was recorded: no task is open to prove it.

    The look that showed it absent, with nothing wanted since, proves these ends too. Without one it is looked again.
    """
    settled = _settled(unwanted)
    seen: dict[UUID | None, Verification] = {
        pk: look for pk, look in last_seen([one.pk for one in settled]).items() if _is_absent(look)
    }
    doubtful = [one for one in settled if one.pk not in seen or seen[one.pk].generation != one.generation]
    sure = {one.pk for one in settled} - {one.pk for one in doubtful}
    move_many(
        [grant for grant in grants if grant.assignment_id in sure],
        GrantState.REVOKED,
        actor=actor,
        why="Seen absent before the end was recorded",
        now=now,
        each=lambda grant: {"state_reason": _seen_at(seen[grant.assignment_id])},
    )
    for assignment in doubtful:
        provisioning.again(assignment, actor=actor, why=why, now=now)


def _is_absent(look: Verification) -> bool:
    return look.observation == Observation.ABSENT


def _seen_at(look: Verification) -> str:
    return f"Seen absent at {look.at:%d %b %Y %H:%M:%S} UTC"


def _settled(assignments: Sequence[Assignment]) -> list[Assignment]:
    """Those that no open task drives or proves."""
    ids = [assignment.pk for assignment in assignments]
    busy = set(ProvisioningTask.objects.open().filter(assignment__in=ids).values_list("assignment", flat=True))
    return [assignment for assignment in assignments if assignment.pk not in busy]


def _shortened(now: datetime) -> "Callable[[Grant], dict[str, datetime]]":
    return lambda grant: {"ends_at": min(grant.ends_at, max(now, grant.starts_at + timedelta(microseconds=1)))}


def _support(assignment_ids: Collection[UUID | None], now: datetime) -> Mapping[UUID | None, str]:
    """The live grants that each assignment stands on, named; of break-glass it is said until when (rule 11)."""
    named: dict[UUID | None, list[str]] = defaultdict(list)
    for grant in Grant.objects.supporting(now).filter(assignment__in=assignment_ids).order_by("number"):
        until = f" until {minute(grant.ends_at)} on break-glass" if grant.basis == Basis.BREAK_GLASS else ""
        named[grant.assignment_id].append(f"{grant}{until}")
    return {assignment_id: ", ".join(names) for assignment_id, names in named.items()}


def repoint(grant: Grant, owner: Identity, *, actor: Actor, why: str, now: datetime) -> Grant:
    """Name another accountable owner (rule 1: at once, when the old one ends)."""
    return amend(grant, "owner_changed", actor=actor, why=why, now=now, accountable_owner=owner)


class GrantsOfAssignment:
    """What provisioning calls upward: what was seen of an assignment, or failed on it, moves its grants."""

    def lock(self, assignment_id: UUID) -> None:
        """Hold the grants that an observation can move."""
        locked_all(_movable(assignment_id))

    def on_observed(
        self,
        assignment_id: UUID,
        observation: str,
        *,
        wanted: bool,
        detail: str,
        actor: Actor,
        now: datetime,
    ) -> bool:
        """Seen present, the live grants are active; seen absent, the ended ones are revoked (rule 4).

        No other path settles a removal: none is known to rest on another live grant before inclusions are read.
        """
        for grant in _movable(assignment_id):
            if wanted and observation == Observation.PRESENT:
                _confirm(grant, detail, actor=actor, now=now)
            elif not wanted and grant.state in UNPROVEN:
                _prove_removal(grant, observation, detail, actor=actor, now=now)
        return False

    def on_failed(self, assignment_id: UUID, *, reason: str, dead: bool, actor: Actor, now: datetime) -> None:
        """An attempt went wrong: what was being provisioned says so; a removal stays an unproven removal."""
        for grant in _movable(assignment_id):
            if grant.state == GrantState.PROVISIONING and dead:
                move(grant, GrantState.PROVISIONING_FAILED, actor=actor, why=reason, now=now, state_reason=reason)
            elif grant.state == GrantState.REVOKING:
                move(grant, GrantState.REVOCATION_FAILED, actor=actor, why=reason, now=now, state_reason=reason)


def _movable(assignment_id: UUID) -> "GrantQuerySet[Grant]":
    states = [*STANDING, *UNPROVEN]
    return Grant.objects.filter(assignment=assignment_id, state__in=states).order_by("pk")


def _confirm(grant: Grant, detail: str, *, actor: Actor, now: datetime) -> None:
    """Verified present. A grant whose provisioning had failed passes through provisioning again."""
    if grant.state == GrantState.PROVISIONING_FAILED:
        move(grant, GrantState.PROVISIONING, actor=actor, why=detail, now=now, state_reason="")
    if grant.state == GrantState.PROVISIONING:
        move(grant, GrantState.ACTIVE, actor=actor, why=detail, now=now)
        notices.tell_ready(grant, now=now)


def _prove_removal(grant: Grant, observation: str, detail: str, *, actor: Actor, now: datetime) -> None:
    """Verified absent ends it; any other path, or access that is still there, keeps it an unproven removal."""
    if observation == Observation.ABSENT:
        if grant.state == GrantState.REVOCATION_FAILED:
            move(grant, GrantState.REVOKING, actor=actor, why="Tried again", now=now)
        move(grant, GrantState.REVOKED, actor=actor, why=detail, now=now)
    elif grant.state == GrantState.REVOKING:
        why = f"Other path: {detail}" if observation == Observation.OTHER_PATH else detail
        move(grant, GrantState.REVOCATION_FAILED, actor=actor, why=why, now=now, state_reason=why)
