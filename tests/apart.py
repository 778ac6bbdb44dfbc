"""Separation of duties in tests: what is kept apart, what confers what, and who may hold both for a while."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from governance.access.models import Assignment, Inclusion
from governance.catalog.models import Bundle, Entitlement
from governance.changes.separation_rules import SeparationPublish, SeparationRetire
from governance.core.actor import Actor, Role
from governance.core.locking import unit_of_work
from governance.identities.models import Identity
from governance.separation import actions, moves
from governance.separation.models import Mitigation, SeparationRule, SeparationRuleVersion
from governance.separation.moves import SideWording, Wording
from tests.builders import account, actor, keep, person

_numbers = count(1)

Named = Entitlement | Bundle | set[Entitlement] | set[Bundle] | set[Entitlement | Bundle]
"""What one side of a rule names."""

DAY = timedelta(days=1)


def administrator() -> Actor:
    """Somebody who changes rules."""
    return actor(person("Admin"), Role.ADMINISTRATOR)


def wording(left: Named, right: Named, **fields: Any) -> Wording:
    """What a rule says of two entitlements, or of two sets of them; of bundles too."""
    sides = {name: side_wording(side) for name, side in (("left", left), ("right", right))}
    return Wording(**{**sides, "severity": "high", "reason": "Whoever orders does not pay.", **fields})


def side_wording(side: Named) -> SideWording:
    """What one side names."""
    named = side if isinstance(side, set) else {side}
    bundles = frozenset(one.pk for one in named if isinstance(one, Bundle))
    return SideWording(frozenset(one.pk for one in named if isinstance(one, Entitlement)), bundles)


def drafted(
    left: Named,
    right: Named,
    *,
    owner: Identity | None = None,
    now: datetime | None = None,
    **fields: Any,
) -> SeparationRuleVersion:
    """The draft of a new rule."""
    return actions.create_rule(
        key=f"SOD-{next(_numbers):02}",
        title="Ordering and paying",
        owner_id=(owner or person("Rule owner")).pk,
        wording=wording(left, right, **fields),
        actor=administrator(),
        why="The books must be true",
        now=now or timezone.now(),
    )


def kept_apart(
    left: Named,
    right: Named,
    *,
    now: datetime | None = None,
    **fields: Any,
) -> SeparationRule:
    """A rule in force, drafted by one and put in force by another."""
    now = now or timezone.now()
    version = drafted(left, right, now=now, **fields)
    return put_in_force(version, actor=administrator(), why="The books must be true", now=now).rule


@unit_of_work()
def put_in_force(version: SeparationRuleVersion, *, actor: Actor, why: str, now: datetime) -> SeparationRuleVersion:
    """Have a draft decide as its approved change would, past the second person whom that asks."""
    kind = SeparationPublish()
    kind.lock(version.pk)
    return moves.put_in_force(kind.held(version.pk), actor=actor, why=why, now=now)


@unit_of_work()
def retire(version: SeparationRuleVersion, *, actor: Actor, why: str, now: datetime) -> SeparationRuleVersion:
    """End a version in the same way."""
    kind = SeparationRetire()
    kind.lock(version.pk)
    return moves.retire(kind.held(version.pk), actor=actor, why=why, now=now)


def confers(entitlement: Entitlement, conferred: Entitlement, *, now: datetime | None = None) -> Inclusion:
    """Say by hand that one confers the other."""
    return actions.enter_inclusion(
        entitlement_id=entitlement.pk,
        conferred_id=conferred.pk,
        actor=administrator(),
        why="As the system is set up",
        now=now or timezone.now(),
    )


def hold(who: Identity, *what: Entitlement) -> list[Assignment]:
    """Access that stands, however it came about."""
    at = who.accounts.filter(system=what[0].system).first() or account(who, what[0].system)
    return [keep(Assignment(account=at, entitlement=one, wanted=True)) for one in what]


def scan(*, after: timedelta = timedelta()) -> None:
    """Look at all access that stands, as the sweep does."""
    actions.scan(now=timezone.now() + after)


def proposed(
    rule: SeparationRule, who: Identity, by: Identity, *, now: datetime | None = None, **fields: Any
) -> Mitigation:
    """A mitigation that somebody has asked for."""
    now = now or timezone.now()
    said: dict[str, Any] = {
        "reason": "Nobody else knows both ledgers.",
        "control": "The controller reads every payment each evening.",
        "ends_at": now + 20 * DAY,
        "review_at": now + 10 * DAY,
        **fields,
    }
    return actions.propose_mitigation(rule_id=rule.pk, identity_id=who.pk, actor=actor(by), now=now, **said)


def mitigated(
    rule: SeparationRule, who: Identity, *, by: Actor | None = None, now: datetime | None = None, **fields: Any
) -> Mitigation:
    """A mitigation asked for by whom it is for, and approved by security."""
    now = now or timezone.now()
    asked = proposed(rule, who, who, now=now, **fields)
    by = by or actor(person("Watch"), Role.SECURITY)
    return actions.approve_mitigation(mitigation_id=asked.pk, reason="It is watched.", actor=by, now=now)
