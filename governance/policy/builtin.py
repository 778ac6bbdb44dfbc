"""What the domain demands of every access, whatever the rules say: nobody can edit it, and it explains itself."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from governance.catalog.states import CatalogState, Risk
from governance.identities.states import Kind, Status
from governance.policy.consequences import LONGEST_BREAK_GLASS, Consequence, StepSpec
from governance.policy.facts import EntitlementFacts, Facts, IdentityFacts, PurposeFacts
from governance.policy.states import CONSENTS, StepKind
from governance.policy.verdicts import BUILT_IN, Reason
from governance.policy.words import day, length
from governance.purposes.states import PurposeState


def reasons(facts: Facts) -> list[Reason]:
    """Every refusal and every limit that follows from the facts themselves (rules 1 and 19)."""
    limits = [*_limits(facts)]
    return [*(_refusal(text) for text in _refusals(facts, limits)), *limits, _cadence(facts.entitlement)]


def separated(facts: Facts) -> Iterator[Reason]:
    """What the separation of duties refuses (rule 7), and what it allows no longer than a mitigation lasts."""
    separation = facts.separation
    for rule, text in zip(separation.breaks, separation.reasons, strict=True):
        yield _of_separation(rule, Consequence(deny=True), text)
    for rule, text in zip(separation.mitigated, separation.mitigations, strict=True):
        yield _of_separation(rule, Consequence(until=separation.mitigated_until), text)


def _of_separation(rule: str, consequence: Consequence, text: str) -> Reason:
    key, _, version = rule.partition("/")
    return Reason(key, int(version), consequence, text)


UNCOVERED = Reason(BUILT_IN, 0, Consequence(deny=True), "No rule covers this access.")
"""Silence denies (rule 15)."""


NO_BREAK_GLASS = Reason(BUILT_IN, 0, Consequence(deny=True), "No rule allows break-glass here.")
"""Nor does what allows or decides on ordinary access speak for what is taken at once (rule 11)."""


def human_for_machine(facts: Facts) -> Reason | None:
    """Above low risk a human must decide on what a machine identity asks for (rule 10); else None.

    The risk is the assessed one, which is never below the entitlement's own. What something confers comes with it.
    """
    if not facts.request.by_machine or facts.risk.tier == facts.entitlement.confers_risk == Risk.LOW:
        return None
    text = "A machine identity asks, and above low risk a human must decide."
    return Reason(BUILT_IN, 0, Consequence(steps=(StepSpec(StepKind.ENTITLEMENT_OWNER),)), text)


def approval_beside_consent(steps: Collection[StepSpec]) -> Reason | None:
    """Somebody else must approve where so far only a consent is asked for (rule 2); else None."""
    if not steps or any(step.kind not in CONSENTS for step in steps):
        return None
    text = "A consent is no approval: the entitlement's owner decides as well."
    return Reason(BUILT_IN, 0, Consequence(steps=(StepSpec(StepKind.ENTITLEMENT_OWNER),)), text)


def _refusal(text: str) -> Reason:
    return Reason(BUILT_IN, 0, Consequence(deny=True), text)


def _refusals(facts: Facts, limits: Iterable[Reason]) -> Iterator[str]:
    yield from _of_identity(facts.identity)
    yield from _of_purpose(facts.purpose, facts.entitlement, facts.identity)
    yield from _of_catalog(facts)
    yield from _of_emergency(facts)
    if facts.request.term <= timedelta():
        yield "A lease has a length; this one has none."
    start = facts.now + facts.request.ahead
    if any(limit.limit(start) <= start for limit in limits):  # type: ignore[operator]  # each of them has one
        yield "The lease would have to end before it starts."


def _of_identity(identity: IdentityFacts) -> Iterator[str]:
    if identity.status != Status.ACTIVE:
        yield f"{identity.name} is {identity.status.replace('_', ' ')}; only an active identity is given access."
    if identity.kind != Kind.PERSON and not identity.owned:
        yield f"{identity.name} has no active {_answerable(identity)}."


def _of_purpose(purpose: PurposeFacts, entitlement: EntitlementFacts, identity: IdentityFacts) -> Iterator[str]:
    if purpose.state != PurposeState.ACTIVE:
        yield f"Purpose {purpose.reference} is {purpose.state}; access rests on an active purpose."
    if purpose.ends_at is None and purpose.review_at is None:
        yield f"Purpose {purpose.reference} has neither an end nor a review date."
    if not purpose.justifies:
        yield f"Purpose {purpose.reference} does not justify {entitlement.name}."
    if not purpose.admits:
        yield f"Purpose {purpose.reference} is not for {identity.name}: its criteria don't hold."


def _of_catalog(facts: Facts) -> Iterator[str]:
    entitlement, system, kind = facts.entitlement, facts.system, facts.identity.kind
    if entitlement.state != CatalogState.ACTIVE:
        yield f"{entitlement.name} is {entitlement.state}."
    if system.state != CatalogState.ACTIVE:
        yield f"{system.name} is {system.state}."
    if kind not in entitlement.allowed_kinds:
        label = Kind(kind).label if kind in Kind.values else kind
        yield f"{entitlement.name} is not open to this kind of identity: {label}."


def _of_emergency(facts: Facts) -> Iterator[str]:
    """An emergency and nothing else is what the glass is broken for, by a person, for themselves (rules 10 and 11).

    Leases of the two kinds rest on different purposes, so that no lease is shared, and none renewed as the other.
    """
    request, reference = facts.request, facts.purpose.reference
    if not request.break_glass:
        if facts.purpose.emergency:
            yield f"Purpose {reference} is an emergency: what it is for is taken by break-glass alone."
        return
    if not facts.purpose.emergency:
        yield f"Purpose {reference} is no emergency: break-glass is for emergencies alone."
    if request.by_machine or facts.identity.machine:
        yield "A machine identity can't break the glass: above low risk a human decides."
    if not request.for_self:
        yield "Break-glass is for oneself alone."


def _limits(facts: Facts) -> Iterator[Reason]:
    entitlement, purpose, identity, now = facts.entitlement, facts.purpose, facts.identity, facts.now
    yield _cap(
        entitlement.longest_lease, f"{entitlement.name} is leased for at most {length(entitlement.longest_lease)}."
    )
    if facts.request.break_glass:
        yield _cap(LONGEST_BREAK_GLASS, f"Break-glass lasts at most {length(LONGEST_BREAK_GLASS)}.")
    if purpose.ends_at is not None:
        yield _until(purpose.ends_at, _ending("The purpose", purpose.ends_at, now))
    if purpose.review_at is not None:
        yield _until(purpose.review_at, f"No lease outlasts the review of the purpose on {day(purpose.review_at)}.")
    if identity.ends_at is not None:
        yield _until(identity.ends_at, _ending(identity.name, identity.ends_at, now))
    if identity.owned_until is not None:
        duty = "sponsorship" if identity.kind == Kind.EXTERNAL else "ownership"
        yield _until(identity.owned_until, _ending(f"The {duty} of {identity.name}", identity.owned_until, now))


def _cadence(entitlement: EntitlementFacts) -> Reason:
    text = f"{entitlement.name} is reviewed at least every {length(entitlement.review_cadence)}."
    return Reason(BUILT_IN, 0, Consequence(cadence=entitlement.review_cadence), text)


def _cap(cap: timedelta, text: str) -> Reason:
    return Reason(BUILT_IN, 0, Consequence(cap=cap), text)


def _until(until: datetime, text: str) -> Reason:
    return Reason(BUILT_IN, 0, Consequence(until=until), text)


def _ending(what: str, end: datetime, now: datetime) -> str:
    return f"{what} {'ends' if end > now else 'ended'} on {day(end)}."


def _answerable(identity: IdentityFacts) -> str:
    return "sponsor" if identity.kind == Kind.EXTERNAL else "owner"
