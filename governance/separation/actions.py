"""What people and workers ask of separation. Each opens one transaction.

What changes the map that activations are judged by waits for those that are under way and keeps new ones out until it
is committed: none is judged by what no longer holds. Rules come into force, and end, by a proposed change.
"""

from datetime import datetime, timedelta
from uuid import UUID

from governance.access import moves as access
from governance.access.models import Inclusion
from governance.access.queries import conferred_by
from governance.catalog.models import Entitlement
from governance.catalog.permissions import visible_entitlements
from governance.catalog.states import Risk
from governance.core import stepup
from governance.core.actor import Actor
from governance.core.errors import Denied, Invalid, NotFound
from governance.core.locking import locked_all, take_turns, try_turn, unit_of_work
from governance.core.moves import create, move
from governance.core.seen import AsSeen, unsaid
from governance.core.stepup import Sensitive
from governance.core.wake import after_commit
from governance.identities.models import Identity
from governance.identities.moves import introduce
from governance.identities.permissions import visible as visible_identities
from governance.identities.queries import same_human
from governance.separation import moves, notices, permissions
from governance.separation.models import Mitigation, SeparationRule, SeparationRuleVersion
from governance.separation.moves import SCAN, Scanned, Wording
from governance.separation.queries import MAP, holder_of, in_force, review_untold
from governance.separation.states import LONGEST_MITIGATION, MitigationState, VersionState

SCANNER = Actor.system("separation scan")
SCANNING = "separation scan"
"""The name under which one scan runs at a time."""


def _as(actor: Actor) -> Identity:
    """Who acts, as an identity. Raises Denied for what is none."""
    found = Identity.objects.filter(pk=actor.identity_id).first() if actor.identity_id else None
    if found is None:
        raise Denied("Only somebody who has signed in does this.")
    return found


@unit_of_work()
def create_rule(
    *, key: str, title: str, owner_id: UUID, wording: Wording, actor: Actor, why: str, now: datetime
) -> SeparationRuleVersion:
    """Make a rule, owned by an active identity, with its first draft. Raises Denied, Invalid."""
    permissions.require_change(actor)
    owner = Identity.objects.active(now).filter(pk=owner_id).first()
    if owner is None:
        raise Invalid({"owner": "A rule is owned by an active identity."})
    rule = introduce(SeparationRule(key=key, title=title.strip()), owner, actor=actor, why=why, now=now)
    return moves.draft(rule, wording, _as(actor), actor=actor, why=why, now=now)


@unit_of_work()
def draft(*, rule_id: UUID, wording: Wording, actor: Actor, why: str, now: datetime) -> SeparationRuleVersion:
    """Draft the rule's next version, in the place of a draft that waits. Raises NotFound, Denied, Invalid."""
    rule = permissions.lock_rule(actor, rule_id, now)
    return moves.draft(rule, wording, _as(actor), actor=actor, why=why, now=now)


@unit_of_work()
def discard(
    *, version_id: UUID, actor: Actor, why: str, now: datetime, as_seen: AsSeen = unsaid
) -> SeparationRuleVersion:
    """Drop a draft. Raises NotFound, Denied, IllegalMove."""
    version = permissions.lock_version(actor, version_id, now)
    as_seen()
    return move(version, VersionState.DISCARDED, actor=actor, why=why, now=now)


# Inclusions by hand ---------------------------------------------------------------------------------------------------


@unit_of_work()
def enter_inclusion(*, entitlement_id: UUID, conferred_id: UUID, actor: Actor, why: str, now: datetime) -> Inclusion:
    """Say that one entitlement confers another, where no system says so. Raises Denied, Invalid for a circle."""
    permissions.require_change(actor)
    take_turns(MAP)
    known = visible_entitlements(actor, now).select_related("system").in_bulk([entitlement_id, conferred_id])
    names = {"entitlement": entitlement_id, "conferred": conferred_id}
    if missing := {field: "There is no such entitlement." for field, pk in names.items() if pk not in known}:
        raise Invalid(missing)
    back = conferred_by([conferred_id])[conferred_id].get(entitlement_id)
    if back is not None:
        raise Invalid({"conferred": _circle(back)})
    after_commit(SCAN)
    source = f"By hand: {actor.label}"[:200]
    pair = known[entitlement_id], known[conferred_id]
    return access.record_inclusion(*pair, source=source, seen_at=now, actor=actor, why=why, now=now)


def _circle(back: tuple[UUID, ...]) -> str:
    rows = Entitlement.objects.select_related("system").in_bulk(back)
    if len(back) == 1:
        return "An entitlement confers another, not itself."
    return f"That would be a circle: {' confers '.join(str(rows[pk]) for pk in back)} already."


@unit_of_work()
def end_inclusion(*, inclusion_id: UUID, actor: Actor, why: str, now: datetime, as_seen: AsSeen = unsaid) -> Inclusion:
    """Say that an inclusion stands no more. Raises Denied, NotFound, Invalid without a reason."""
    take_turns(MAP)
    inclusion = permissions.lock_inclusion(actor, inclusion_id)
    if not why.strip():
        raise Invalid({"reason": "Say why it no longer stands."})
    as_seen()
    after_commit(SCAN)
    return access.end_inclusion(inclusion, actor=actor, why=why, now=now)


# Mitigations ----------------------------------------------------------------------------------------------------------


SHORTEST_WORDS = 10
"""Characters of a reason and of a control: "ok" tells nobody anything."""


@unit_of_work()
def propose_mitigation(  # noqa: PLR0913 - all of it is said by whoever asks
    *,
    rule_id: UUID,
    identity_id: UUID,
    reason: str,
    control: str,
    ends_at: datetime,
    review_at: datetime,
    actor: Actor,
    now: datetime,
    emergency: bool = False,
) -> Mitigation:
    """Ask that somebody may hold both sides of a rule for a while, or in an `emergency` alone.

    Raises NotFound, Denied, Invalid.
    """
    locked_all(SeparationRule.objects.filter(pk=rule_id), share=True)
    version, identity = in_force(rule_id), Identity.objects.filter(pk=identity_id).first()
    if identity is None or version is None or not _may_know(actor, rule_id, identity_id, now):
        raise NotFound
    if not permissions.may_ask(actor, rule_id, identity_id, now):
        raise Denied("Whom it is for, their manager or owner, the rule's owner or security asks for a mitigation.")
    locked_all(Identity.objects.filter(pk__in=same_human([identity_id])))
    mitigation = Mitigation(
        rule=version.rule,
        identity=identity,
        holder=holder_of(identity),
        reason=reason.strip(),
        control=control.strip(),
        emergency=emergency,
        requester=_as(actor),
        requested_at=now,
        ends_at=ends_at,
        review_at=review_at,
    )
    if wrong := _wrong(mitigation, version.severity, now):
        raise Invalid(wrong)
    create(mitigation, actor=actor, why=mitigation.reason, now=now)
    notices.tell_proposed(mitigation, now=now)
    return mitigation


def _may_know(actor: Actor, rule_id: UUID, identity_id: UUID, now: datetime) -> bool:
    seen = visible_identities(actor, now).filter(pk=identity_id).exists()
    return seen or permissions.visible_rules(actor, now).filter(pk=rule_id).exists()


def _wrong(asked: Mitigation, severity: str, now: datetime) -> dict[str, str]:
    """What is wrong with what is asked for, by field; empty when nothing is."""
    wrong = {**_words(asked.reason, asked.control), **_dates(severity, asked.ends_at, asked.review_at, now)}
    beside = Mitigation.objects.filter(rule=asked.rule, holder=asked.holder, emergency=asked.emergency)
    if beside.filter(state=MitigationState.PROPOSED).exists():
        wrong.setdefault("identity", "A mitigation of this rule is asked for them already.")
    return wrong


def _words(reason: str, control: str) -> dict[str, str]:
    wrong = {}
    if len(reason.strip()) < SHORTEST_WORDS:
        wrong["reason"] = "Say why both sides are needed, in a sentence."
    if len(control.strip()) < SHORTEST_WORDS:
        wrong["control"] = "Say what is done meanwhile so that it does no harm, in a sentence."
    return wrong


def _dates(severity: str, ends_at: datetime, review_at: datetime, now: datetime) -> dict[str, str]:
    longest = LONGEST_MITIGATION[severity]
    wrong = {}
    if ends_at <= now:
        wrong["ends_at"] = "The end lies in the past."
    elif ends_at > now + longest + timedelta(minutes=1):
        wrong["ends_at"] = f"At {Risk(severity).label.lower()} severity it lasts at most {longest.days} days."
    if review_at <= now:
        wrong["review_at"] = "The review lies in the past."
    elif review_at > ends_at:
        wrong["review_at"] = "It is reviewed before it ends, or as it ends."
    return wrong


@unit_of_work()
def approve_mitigation(
    *, mitigation_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Mitigation:
    """Let it cover what it is for, as somebody else. Raises NotFound, Denied, StepUpRequired, Conflict, Invalid."""
    mitigation = permissions.lock_mitigation(actor, "approve", mitigation_id, now)
    stepup.require(actor, Sensitive.APPROVE_MITIGATION, now)
    as_seen()
    if mitigation.ends_at <= now:
        raise Invalid({"reason": f"The end asked for has passed: {mitigation.ends_at:%d %b %Y}."})
    moves.approve(mitigation, _as(actor), actor=actor, why=reason.strip() or "Approved", now=now)
    notices.tell_decided(mitigation, now=now)
    return mitigation


@unit_of_work()
def reject_mitigation(
    *, mitigation_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Mitigation:
    """Refuse it. Raises Invalid, NotFound, Denied, Conflict."""
    mitigation = permissions.lock_mitigation(actor, "reject", mitigation_id, now)
    _explained(reason)
    as_seen()
    why, to = reason.strip(), MitigationState.REJECTED
    move(mitigation, to, actor=actor, why=why, now=now, decider=_as(actor), decided_at=now, state_reason=why)
    notices.tell_decided(mitigation, now=now)
    return mitigation


@unit_of_work()
def withdraw_mitigation(
    *, mitigation_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Mitigation:
    """Take it back. Raises NotFound, Denied, Conflict."""
    mitigation = permissions.lock_mitigation(actor, "withdraw", mitigation_id, now)
    as_seen()
    why = reason.strip() or "Taken back by who asked for it"
    return move(mitigation, MitigationState.WITHDRAWN, actor=actor, why=why, now=now, state_reason=why)


@unit_of_work()
def end_mitigation(
    *, mitigation_id: UUID, reason: str, actor: Actor, now: datetime, as_seen: AsSeen = unsaid
) -> Mitigation:
    """End it before its time: the violation is back. Raises Invalid, NotFound, Denied, Conflict."""
    mitigation = permissions.lock_mitigation(actor, "end", mitigation_id, now)
    _explained(reason)
    as_seen()
    return moves.end(mitigation, actor=actor, why=reason.strip(), now=now)


def _explained(reason: str) -> None:
    if not reason.strip():
        raise Invalid({"reason": "Say why: whoever asked for it reads it."})


# The scan -------------------------------------------------------------------------------------------------------------


@unit_of_work()
def scan(*, now: datetime) -> Scanned | None:
    """Bring the violations into line with all live access; None while another scan is at it.

    Safe to run twice or late: what was found before stays, and nothing is told twice.
    """
    return moves.scan(actor=SCANNER, now=now) if try_turn(SCANNING) else None


@unit_of_work()
def remind_due(*, now: datetime, limit: int = 2000) -> None:
    """Tell those who answer for each mitigation whose review is due, once."""
    due = review_untold(now).with_names()
    notices.remind(due.order_by("review_at")[:limit], now=now)
