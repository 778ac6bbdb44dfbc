"""What changes rules, mitigations and violations. Callers hold the rule, or whoever a mitigation is for.

A version says for ever what it said: decisions name it. So another wording is another version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, QuerySet

from governance.catalog import bundles
from governance.catalog.models import Bundle, Entitlement
from governance.catalog.states import BundleState, Risk
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import locked_all, require_held
from governance.core.moves import amend_many, create, create_many, move
from governance.core.setmoves import move_set
from governance.identities.models import Identity
from governance.separation import notices
from governance.separation.models import (
    Mitigation,
    SeparationMember,
    SeparationRule,
    SeparationRuleVersion,
    SeparationViolation,
)
from governance.separation.queries import Breach, Differences, differences, names
from governance.separation.states import STANDING, MitigationState, Side, VersionState, ViolationState

SCAN = "separation.scan"
"""The task that compares all live access with all rules: woken by whatever changes one of the two."""

AT_ONCE = 500
"""Violations that are opened by one handful of statements."""


@dataclass(frozen=True, slots=True)
class SideWording:
    """What one side names: entitlements, and bundles for all that they hold at any time."""

    entitlements: frozenset[UUID]
    bundles: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Wording:
    """What a version is to say: its two sides, how grave it is, and why they are kept apart."""

    left: SideWording
    right: SideWording
    severity: str
    reason: str


def check(wording: Wording) -> None:
    """Raise Invalid, with what is wrong at each field, if the wording can't be kept."""
    sides = {Side.LEFT: wording.left, Side.RIGHT: wording.right}
    wrong = {str(name): text for name, side in sides.items() if (text := _side_problem(side))}
    if not wrong:
        wrong |= _shared_problem(*sides.values())
    if wording.severity not in Risk.values:
        wrong["severity"] = f"One of: {', '.join(Risk.values)}."
    if not wording.reason.strip():
        wrong["reason"] = "Say in words that a requester can read why the two are kept apart."
    if wrong:
        raise Invalid(wrong)


def _side_problem(side: SideWording) -> str | None:
    if not side.entitlements and not side.bundles:
        return "Name at least one entitlement or bundle."
    if Entitlement.objects.filter(pk__in=side.entitlements).count() < len(side.entitlements):
        return "There is no such entitlement."
    if Bundle.objects.filter(pk__in=side.bundles, state=BundleState.ACTIVE).count() < len(side.bundles):
        return "There is no such active bundle."
    return None


def _shared_problem(left: SideWording, right: SideWording) -> dict[str, str]:
    one, other = (side.entitlements | bundles.held_by(side.bundles) for side in (left, right))
    called = ", ".join(sorted(names(one & other).values()))
    return {str(Side.RIGHT): f"On both sides, so that nobody could hold it at all: {called}."} if called else {}


def wording_of(version: SeparationRuleVersion) -> Wording:
    """What a version says."""
    left, right = (_said(version.members.filter(side=side)) for side in (Side.LEFT, Side.RIGHT))
    return Wording(left, right, version.severity, version.reason)


def _said(members: "QuerySet[SeparationMember]") -> SideWording:
    rows = list(members)
    entitlements = frozenset(one.entitlement_id for one in rows if one.entitlement_id is not None)
    return SideWording(entitlements, frozenset(one.bundle_id for one in rows if one.bundle_id is not None))


def draft(
    rule: SeparationRule, wording: Wording, by: Identity, *, actor: Actor, why: str, now: datetime
) -> SeparationRuleVersion:
    """Add a draft as the held rule's next version, in the place of one that waits. Raises Invalid, LockError."""
    require_held(rule)
    check(wording)
    for waiting in locked_all(rule.versions.filter(state=VersionState.DRAFT).select_related("rule")):
        move(waiting, VersionState.DISCARDED, actor=actor, why="Drafted anew", now=now)
    last = rule.versions.aggregate(last=Max("number"))["last"] or 0
    words = {"severity": wording.severity, "reason": wording.reason.strip(), "drafted_by": by}
    version = SeparationRuleVersion(rule=rule, number=last + 1, **words)
    sides = {Side.LEFT: wording.left, Side.RIGHT: wording.right}
    facts = {str(side): said.entitlements | said.bundles for side, said in sides.items()}
    create(version, actor=actor, why=why, now=now, facts=facts)
    for side, said in sides.items():
        for pk in sorted(said.entitlements):
            SeparationMember(version=version, side=side, entitlement_id=pk).save(force_insert=True)
        for pk in sorted(said.bundles):
            SeparationMember(version=version, side=side, bundle_id=pk).save(force_insert=True)
    return version


def put_in_force(version: SeparationRuleVersion, *, actor: Actor, why: str, now: datetime) -> SeparationRuleVersion:
    """Have a held draft decide from now on, in the place of the version before it. Raises IllegalMove."""
    before = SeparationRuleVersion.objects.in_force().filter(rule=version.rule).select_related("rule")
    for old in locked_all(before):
        retire(old, actor=actor, why=f"Followed by {version}", now=now)
    return move(version, VersionState.IN_FORCE, actor=actor, why=why, now=now, effective_from=now)


def retire(version: SeparationRuleVersion, *, actor: Actor, why: str, now: datetime) -> SeparationRuleVersion:
    """End a held version now. Raises IllegalMove unless it is in force."""
    return move(version, VersionState.RETIRED, actor=actor, why=why, now=now, effective_until=now)


# Mitigations ----------------------------------------------------------------------------------------------------------


def approve(mitigation: Mitigation, by: Identity, *, actor: Actor, why: str, now: datetime) -> Mitigation:
    """Let a held mitigation cover what it is for, in the place of one that does so now."""
    beside = Mitigation.objects.filter(rule=mitigation.rule, holder=mitigation.holder, emergency=mitigation.emergency)
    live = beside.filter(state=MitigationState.APPROVED)
    for old in locked_all(live.with_names()):
        move(old, MitigationState.ENDED, actor=actor, why=f"Followed by {mitigation}", now=now)
    to = MitigationState.APPROVED
    move(mitigation, to, actor=actor, why=why, now=now, decider=by, decided_at=now, state_reason=why)
    for violation in _standing(mitigation, ViolationState.OPEN):
        told = f"Mitigated by {mitigation}"
        move(violation, ViolationState.MITIGATED, actor=actor, why=told, now=now, state_reason=told)
    return mitigation


def end(mitigation: Mitigation, *, actor: Actor, why: str, now: datetime) -> Mitigation:
    """End a held mitigation before its time: what it covered is an open violation again, and is told."""
    move(mitigation, MitigationState.ENDED, actor=actor, why=why, now=now, state_reason=why)
    back = _standing(mitigation, ViolationState.MITIGATED)
    for violation in back:
        told = f"{mitigation} has ended"
        move(violation, ViolationState.OPEN, actor=actor, why=told, now=now, state_reason=told)
    notices.tell_back(back, now=now)
    return mitigation


def _standing(mitigation: Mitigation, state: str) -> list[SeparationViolation]:
    """The violation that it covers, or did. What stands open in an emergency is to be seen, until that is over."""
    if mitigation.emergency:
        return []
    rows = SeparationViolation.objects.filter(rule=mitigation.rule, holder=mitigation.holder, state=state)
    return locked_all(rows.with_names())


# The scan -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan has found, in figures."""

    opened: int = 0
    changed: int = 0
    resolved: int = 0
    back: int = 0
    mitigated: int = 0


GONE = "Both sides are no longer held, or no rule keeps them apart any more"


def scan(*, actor: Actor, now: datetime) -> Scanned:
    """Bring the violations into line with all live access. Callers see to it that one scan runs at a time.

    The queries grow with what has changed since the last scan, by the batch, and never with what is held.
    """
    by = (actor, now)
    move_set(
        Mitigation.objects.over(now),
        MitigationState.APPROVED,
        MitigationState.ENDED,
        actor=actor,
        why="Its end has come",
        now=now,
        limit=AT_ONCE,
        state_reason="Its end has come",
    )
    found = differences()
    opened = _open([breach for breach in found.breaches if breach.known is None], *by)
    changed = _change([breach for breach in found.breaches if breach.known is not None], *by)
    resolved = _resolve(found, *by)
    mitigated, back = _cover(*by), _uncover(*by)
    notices.tell_opened(opened, now=now)
    notices.tell_back(SeparationViolation.objects.filter(pk__in=back).with_names(), now=now)
    return Scanned(len(opened), changed, resolved, len(back), mitigated)


def _open(breaches: Sequence[Breach], actor: Actor, now: datetime) -> list[SeparationViolation]:
    """Make the violations, mitigated ones as such. Answers those that are open."""
    holders = {breach.holder for breach in breaches}
    live = Mitigation.objects.live(now).filter(holder__in=holders).values_list("rule", "holder", "number")
    covered = {(rule, holder): f"Mitigated by M-{number}" for rule, holder, number in live}
    rows = [_violation(breach, covered.get((breach.rule_id, breach.holder), ""), now) for breach in breaches]
    for place in range(0, len(rows), AT_ONCE):
        create_many(rows[place : place + AT_ONCE], actor=actor, why="Both sides of the rule are held", now=now)
    return [row for row in rows if row.state == ViolationState.OPEN]


def _violation(breach: Breach, covered: str, now: datetime) -> SeparationViolation:
    return SeparationViolation(
        rule_id=breach.rule_id,
        identity_id=breach.identity_id,
        holder=breach.holder,
        severity=breach.severity,
        left_id=breach.left[-1],
        right_id=breach.right[-1],
        left_path=list(breach.left),
        right_path=list(breach.right),
        state=ViolationState.MITIGATED if covered else ViolationState.OPEN,
        state_reason=covered,
        opened_at=now,
    )


def _change(breaches: Sequence[Breach], actor: Actor, now: datetime) -> int:
    """Say by which ways both sides are held now."""
    found = {breach.known: breach for breach in breaches}
    for place in range(0, len(breaches), AT_ONCE):
        ids = [breach.known for breach in breaches[place : place + AT_ONCE] if breach.known]
        rows = locked_all(SeparationViolation.objects.standing().filter(pk__in=ids))
        amend_many(
            rows, "changed", actor=actor, why="Held otherwise now", now=now, each=lambda row: _ways(found[row.pk])
        )
    return len(breaches)


def _ways(breach: Breach) -> Mapping[str, object]:
    return {
        "identity_id": breach.identity_id,
        "severity": breach.severity,
        "left_id": breach.left[-1],
        "right_id": breach.right[-1],
        "left_path": list(breach.left),
        "right_path": list(breach.right),
    }


def _resolve(found: Differences, actor: Actor, now: datetime) -> int:
    rows = SeparationViolation.objects.filter(pk__in=found.gone)
    by: dict[str, Any] = {"actor": actor, "why": GONE, "now": now, "limit": max(1, len(found.gone))}
    return len(move_set(rows, STANDING, ViolationState.RESOLVED, closed_at=now, state_reason=GONE, **by))


def _live(now: datetime) -> Exists:
    """Whether a mitigation covers the violation at the moment."""
    live = Mitigation.objects.live(now).filter(rule=OuterRef("rule"), holder=OuterRef("holder"))
    return Exists(live)


def _cover(actor: Actor, now: datetime) -> int:
    why = "A mitigation covers it"
    rows = SeparationViolation.objects.filter(_live(now))
    told: dict[str, Any] = {"actor": actor, "why": why, "now": now, "state_reason": why}
    return len(move_set(rows, ViolationState.OPEN, ViolationState.MITIGATED, **told))


def _uncover(actor: Actor, now: datetime) -> list[UUID]:
    why = "Its mitigation has ended"
    rows = SeparationViolation.objects.filter(~_live(now))
    told: dict[str, Any] = {"actor": actor, "why": why, "now": now, "state_reason": why}
    return [row[0] for row in move_set(rows, ViolationState.MITIGATED, ViolationState.OPEN, **told)]
