"""What changes policy and what keeps its answers. Callers hold the rule and decide who may do it.

A published version says for ever what it said: decisions name it. So nothing here changes one but its end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import rfc8785
from django.core.exceptions import ValidationError
from django.db.models import Max

from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.events import Event, record
from governance.core.locking import locked_all, require_held
from governance.core.moves import amend, create, move, plain
from governance.identities.models import Identity
from governance.identities.moves import introduce
from governance.policy.cel import EvaluationFailed, given
from governance.policy.checks import faults
from governance.policy.consequences import Consequence, read, written, written_step
from governance.policy.examples import results
from governance.policy.kept import Derived, NotKept, example_with
from governance.policy.models import PolicyDecision, PolicyExample, PolicyRule, PolicyRuleVersion
from governance.policy.notices import tell_broken
from governance.policy.queries import in_force_from
from governance.policy.starter import StarterRule
from governance.policy.states import ExampleState, Mode, OutcomeKind, Phase, VersionState
from governance.policy.verdicts import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Wording:
    """What a version is to say, and how far it reaches. `outcomes` are in the JSON form of `consequences.read`."""

    condition: str
    outcomes: dict[str, Any]
    reason: str
    priority: int = 100
    mode: str = Mode.BLOCK


def wording_of(version: PolicyRuleVersion) -> Wording:
    """What the version says."""
    return Wording(version.condition, version.outcomes, version.reason, version.priority, version.mode)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an example expects: over the ordinary example with these facts changed, as decisions keep them.

    `outcome` is one of those that have to follow where the rule applies, or empty where any may.
    """

    changed_facts: Mapping[str, Any]
    applies: bool
    outcome: str = ""


def check(wording: Wording) -> Consequence:
    """What would follow. Raises Invalid, with what is wrong at each field, if the wording can't be kept."""
    wrong: dict[str, str] = {}
    for fault in faults(wording.condition, wording.outcomes, wording.reason, wording.mode):
        wrong.setdefault(fault.field, str(fault))
    if wrong:
        raise Invalid(wrong)
    return read(wording.outcomes)


def draft(rule: PolicyRule, wording: Wording, *, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    """Add a draft as the held rule's next version. Raises Invalid, LockError."""
    require_held(rule)
    consequence = check(wording)
    last = rule.versions.aggregate(last=Max("number"))["last"] or 0
    version = PolicyRuleVersion(rule=rule, number=last + 1, **_fields(wording, consequence))
    return create(version, actor=actor, why=why, now=now)


def redraft(
    version: PolicyRuleVersion, wording: Wording, *, actor: Actor, why: str, now: datetime
) -> PolicyRuleVersion:
    """Say something else in a held draft. Raises Invalid, and Conflict once it has been published."""
    if version.state != VersionState.DRAFT:
        raise Conflict(f"{version} has been published; draft a new version.", code="already_published")
    return amend(version, "redrafted", actor=actor, why=why, now=now, **_fields(wording, check(wording)))


def _fields(wording: Wording, consequence: Consequence) -> dict[str, Any]:
    return {
        "condition": wording.condition,
        "outcomes": written(consequence),
        "reason": wording.reason.strip(),
        "priority": wording.priority,
        "mode": wording.mode,
    }


def publish(
    version: PolicyRuleVersion,
    *,
    effective_from: datetime,
    actor: Actor,
    why: str,
    now: datetime,
) -> PolicyRuleVersion:
    """Put a held draft in force from a moment on, and retire the version before it at that moment.

    Raises Invalid for a moment that has passed, Conflict while another version waits to take effect later, IllegalMove.
    """
    if effective_from < now:
        raise Invalid({"effective_from": "A rule can't take effect in the past."})
    require_publishable(version)
    _make_way(version.rule, effective_from, actor=actor, why=f"Followed by {version}", now=now)
    return move(version, VersionState.PUBLISHED, actor=actor, why=why, now=now, effective_from=effective_from)


def require_publishable(version: PolicyRuleVersion) -> None:
    """Raise Invalid if what the version says can't be kept any more, or an example of its rule fails."""
    check(wording_of(version))
    kept = PolicyExample.objects.filter(rule=version.rule_id, state=ExampleState.KEPT)
    failed = [result for result in results(version, kept) if not result.passed]
    if failed:
        told = " ".join(f"“{result.title}”: {result.said}" for result in failed[:3])
        raise Invalid({"examples": f"{len(failed)} of the rule's examples fail. {told}"})


def _make_way(rule: PolicyRule, moment: datetime, *, actor: Actor, why: str, now: datetime) -> None:
    for other in locked_all(in_force_from(moment).filter(rule=rule)):
        if other.effective_from is not None and other.effective_from >= moment:
            raise Conflict(f"{other} takes effect at {plain(other.effective_from)}; retire it first.")
        _end(other, moment, actor=actor, why=why, now=now)


def retire(version: PolicyRuleVersion, *, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    """End a held version now; one that has not taken effect yet never will. Raises IllegalMove if it has ended."""
    start = version.effective_from
    return _end(version, max(now, start) if start else now, actor=actor, why=why, now=now)


def _end(version: PolicyRuleVersion, moment: datetime, *, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    if version.effective_until is not None and version.effective_until > moment:  # its successor waits for that moment
        return amend(version, "shortened", actor=actor, why=why, now=now, effective_until=moment)
    return move(version, VersionState.RETIRED, actor=actor, why=why, now=now, effective_until=moment)


def keep_example(
    rule: PolicyRule, title: str, expected: Expected, *, actor: Actor, why: str, now: datetime
) -> PolicyExample:
    """Keep an example with the held rule. Raises Invalid, LockError."""
    require_held(rule)
    _check_facts(expected.changed_facts)
    outcome = expected.outcome if expected.applies else ""
    if outcome and outcome not in OutcomeKind.values:
        raise Invalid({"outcome": f"There is no outcome called {outcome}."})
    said: dict[str, Any] = {"changed_facts": dict(expected.changed_facts), "applies": expected.applies}
    example = PolicyExample(rule=rule, title=title.strip(), outcome=outcome, **said)
    try:
        example.full_clean(exclude=["changed_facts"])
    except ValidationError as error:
        wrong = {name: " ".join(messages) for name, messages in error.message_dict.items()}
        raise Invalid({"title" if name == "__all__" else name: text for name, text in wrong.items()}) from error
    return create(example, actor=actor, why=why, now=now)


def _check_facts(changed: Mapping[str, Any]) -> None:
    """Raise Invalid for a fact that there is not, and for a value that is not of its type."""
    try:
        given(example_with(changed))
    except NotKept as missing:
        raise Invalid({"changed_facts": f"There is no fact called {missing}."}) from missing
    except Derived as refusal:
        raise Invalid({"changed_facts": str(refusal)}) from refusal
    except (EvaluationFailed, TypeError, ValueError, OverflowError) as error:
        raise Invalid({"changed_facts": f"A value is not of its fact's type: {error}."}) from error


def install(rules: Iterable[StarterRule], owner: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """Make and publish rules, in force from `now` on and all owned by one identity. Raises Invalid."""
    for starter in rules:
        rule = introduce(PolicyRule(key=starter.key, title=starter.title), owner, actor=actor, why=why, now=now)
        wording = Wording(starter.condition, starter.outcomes, starter.reason, starter.priority)
        version = draft(rule, wording, actor=actor, why=why, now=now)
        publish(version, effective_from=now, actor=actor, why=why, now=now)


# Decisions ------------------------------------------------------------------------------------------------------------


def record_decision(
    verdict: Verdict,
    *,
    phase: Phase,
    subject_kind: str,
    subject_id: UUID,
    actor: Actor,
) -> PolicyDecision:
    """Keep a verdict with the facts and versions it rests on, as the decision of `verdict.facts.now` on a subject.

    `actor` is who asked. The event `policy.decided` commits with it, and so does word to the owners of broken rules.
    """
    facts = plain(asdict(verdict.facts))
    decision = PolicyDecision(
        phase=phase,
        subject_kind=subject_kind,
        subject_id=subject_id,
        allowed=verdict.allowed,
        needs_human=verdict.needs_human,
        steps=[written_step(step) for step in verdict.steps],
        cap=verdict.cap,
        cadence=verdict.cadence,
        latest_end=verdict.latest_end,
        reasons=[stored(reason) for reason in verdict.reasons],
        facts=facts,
        facts_hash=facts_hash(facts),
        rule_versions=dict(verdict.rule_versions),
        at=verdict.facts.now,
    )
    decision.save(force_insert=True)
    record([_decided(decision, verdict, actor)])
    tell_broken(verdict.reasons, now=decision.at)
    return decision


def facts_hash(facts: dict[str, Any]) -> str:
    """SHA-256, in hexadecimal, over the canonical form (RFC 8785) of facts as a decision keeps them."""
    return sha256(rfc8785.dumps(facts)).hexdigest()


def stored(reason: Reason) -> dict[str, Any]:
    """A reason as decisions keep it."""
    return {
        "rule": reason.rule_key,
        "version": reason.version,
        "mode": str(reason.mode),
        "outcome": str(reason.outcome),
        "outcomes": [str(kind) for kind in reason.consequence.kinds],
        "text": reason.text,
        "broken": reason.broken,
        "defect": reason.defect,
        "cap_seconds": plain(reason.consequence.cap),
        "cadence_seconds": plain(reason.consequence.cadence),
        "until": plain(reason.consequence.until),
    }


def _decided(decision: PolicyDecision, verdict: Verdict, actor: Actor) -> Event:
    return Event(
        action="policy.decided",
        actor=actor,
        subject_kind=decision.subject_kind,
        subject_id=decision.subject_id,
        subject_label=f"{verdict.facts.entitlement.name} for {verdict.facts.identity.name}",
        reason=verdict.why,
        at=decision.at,
        facts={
            "decision_id": str(decision.pk),
            "phase": str(decision.phase),
            "allowed": decision.allowed,
            "steps": decision.steps,
            "latest_end": plain(decision.latest_end),
            "facts_hash": decision.facts_hash,
            "rules": {reason.rule_key: reason.version for reason in verdict.reasons if not reason.built_in},
            "broken_rules": [reason.rule_key for reason in verdict.reasons if reason.broken],
        },
    )
