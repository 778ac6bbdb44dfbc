"""Policy asked of the database: the rules in force, the facts of a moment, and the verdict on them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet

from governance.access.queries import Effective
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.core.subjects import leasing
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.queries import owners_of
from governance.identities.states import Kind, OwnerRole
from governance.policy import criteria
from governance.policy.consequences import Consequence, ConsequenceError, read
from governance.policy.facts import (
    AccessFacts,
    EntitlementFacts,
    Facts,
    IdentityFacts,
    PurposeFacts,
    RequestFacts,
    SeparationFacts,
    SystemFacts,
)
from governance.policy.models import PolicyRuleVersion
from governance.policy.rules import RuleData, evaluate, prepared
from governance.policy.states import Mode, VersionState
from governance.policy.verdicts import Verdict
from governance.purposes.models import Justification, Purpose
from governance.separation.queries import Conflicting, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What policy is asked: may `identity` hold something for `purpose` over `term`, as `requester` asks.

    `assurance` is the authenticator assurance level (0 to 3) of the session that asked, `now` the moment to judge by,
    `break_glass` whether it is taken at once in an emergency.
    The rows are taken as they are: whoever needs them fresh passes them fresh, or locked.
    """

    identity: Identity
    purpose: Purpose
    requester: Identity
    term: timedelta
    assurance: int
    now: datetime
    break_glass: bool = False


def decide(asking: Asking, entitlement: Entitlement) -> Verdict:
    """What policy says of one entitlement. The same for a preview, at submission and at activation; stores nothing."""
    return decide_many(asking, [entitlement])[entitlement.pk]


def decide_many(asking: Asking, entitlements: Collection[Entitlement]) -> Mapping[UUID, Verdict]:
    """The verdict on each entitlement by its id, in a number of queries that does not grow with them."""
    rules = prepared(rules_in_force(asking.now))
    return {pk: evaluate(rules, facts) for pk, facts in gather_many(asking, entitlements).items()}


def in_force_from(moment: datetime) -> "QuerySet[PolicyRuleVersion]":
    """The published versions that are in force at some time from the moment on, whether or not they have an end."""
    unended = Q(effective_until__isnull=True) | (
        Q(effective_until__gt=moment) & Q(effective_until__gt=F("effective_from"))
    )
    return PolicyRuleVersion.objects.exclude(state=VersionState.DRAFT).filter(unended).select_related("rule")


def versions_in_force(moment: datetime) -> "QuerySet[PolicyRuleVersion]":
    """The versions in force at the moment, also those that have been retired since; at most one per rule."""
    return in_force_from(moment).filter(effective_from__lte=moment)


def rules_in_force(moment: datetime) -> tuple[RuleData, ...]:
    """The rules that decide at the moment, for the evaluator; one query."""
    return tuple(rule_data(version) for version in versions_in_force(moment))


def rule_data(version: PolicyRuleVersion) -> RuleData:
    """A version as the evaluator takes it. Outcomes or a mode that can't be read make it a broken rule."""
    mode, consequence, defect = Mode.BLOCK, Consequence(deny=True), ""
    try:
        mode, consequence = Mode(version.mode), read(version.outcomes)
    except (ConsequenceError, ValueError) as error:
        defect = str(error)
    return RuleData(
        key=version.rule.key,
        version=version.number,
        condition=version.condition,
        consequence=consequence,
        reason=version.reason,
        priority=version.priority,
        defect=defect,
        mode=mode,
    )


def gather_facts(asking: Asking, entitlement: Entitlement) -> Facts:
    """Everything policy may know about one entitlement; a constant number of queries."""
    return gather_many(asking, [entitlement])[entitlement.pk]


def gather_many(asking: Asking, entitlements: Collection[Entitlement]) -> Mapping[UUID, Facts]:
    """The facts on each entitlement by its id, in a number of queries that does not grow with them."""
    identity, request = _identity(asking.identity, asking.now), _request(asking)
    ids = [entitlement.pk for entitlement in entitlements]
    judged = judge(asking.identity, ids, asking.now, emergency=asking.break_glass)
    access = _access(asking, judged.access, entitlements)
    justified = _justified(asking.purpose, entitlements)
    return {
        entitlement.pk: Facts(
            identity=identity,
            entitlement=_entitlement(entitlement, judged.access),
            system=_system(entitlement.system),
            purpose=_purpose(asking.purpose, identity, justifies=entitlement.pk in justified),
            request=request,
            access=access[entitlement.pk],
            separation=_separation(judged.conflicts[entitlement.pk]),
            assurance=asking.assurance,
            now=asking.now,
        )
        for entitlement in _with_systems(entitlements)
    }


def _with_systems(entitlements: Iterable[Entitlement]) -> "QuerySet[Entitlement]":
    return Entitlement.objects.filter(pk__in=[entitlement.pk for entitlement in entitlements]).select_related("system")


def _access(asking: Asking, access: Effective, entitlements: Iterable[Entitlement]) -> Mapping[UUID, AccessFacts]:
    """What the identity has been given itself and what it has in effect, as each entitlement's decision sees it."""
    ids, now, direct = [entitlement.pk for entitlement in entitlements], asking.now, access.direct[asking.identity.pk]
    given, effective = _named(direct, access.keys), _named(access.held, access.keys)
    leased = leasing().unbroken(asking.identity.pk, ids, now)
    return {
        pk: AccessFacts(
            entitlements=given,
            privileged=not (direct & access.privileged) <= {pk},
            continuous_since=leased[pk].since if pk in leased else now,
            renewals=leased[pk].renewals if pk in leased else 0,
            effective=effective,
        )
        for pk in ids
    }


def _highest(risks: Iterable[str]) -> str:
    return max([Risk.LOW.value, *risks], key=Risk.values.index)


def _named(entitlement_ids: Iterable[UUID], keys: Mapping[UUID, str]) -> tuple[str, ...]:
    return tuple(sorted(keys[pk] for pk in entitlement_ids))


def _separation(conflicts: Iterable[Conflicting]) -> SeparationFacts:
    """What would break a rule, apart from what a live mitigation covers."""
    bare = [one for one in conflicts if one.mitigation is None]
    covered = [(one, one.mitigation) for one in conflicts if one.mitigation is not None]
    return SeparationFacts(
        breaks=tuple(one.rule for one in bare),
        reasons=tuple(one.text for one in bare),
        mitigated=tuple(one.rule for one, _ in covered),
        mitigations=tuple(f"{one.text} {mitigation} covers it: {mitigation.control}" for one, mitigation in covered),
        mitigated_until=min((mitigation.ends_at for _, mitigation in covered), default=None),
    )


def _justified(purpose: Purpose, entitlements: Iterable[Entitlement]) -> frozenset[UUID]:
    wanted = [entitlement.pk for entitlement in entitlements]
    rows = Justification.objects.filter(purpose=purpose, entitlement__in=wanted, ended_at__isnull=True)
    return frozenset(rows.values_list("entitlement", flat=True))


def _identity(identity: Identity, now: datetime) -> IdentityFacts:
    owned, owned_until = (False, None) if identity.kind == Kind.PERSON else _ownership(identity, now)
    return IdentityFacts(
        id=identity.pk,
        name=identity.name,
        kind=identity.kind,
        machine=identity.is_machine,
        status=identity.state,
        source=identity.source,
        external_key=identity.external_key,
        canonical_identifier=identity.canonical_identifier,
        department=identity.department,
        title=identity.title,
        teams=_teams(identity, now),
        environment=identity.environment,
        owned=owned,
        owned_until=owned_until,
        ends_at=identity.ends_at,
    )


def _teams(identity: Identity, now: datetime) -> tuple[str, ...]:
    memberships = TeamMembership.objects.at(now).filter(identity=identity)
    return tuple(memberships.order_by("team__key").values_list("team__key", flat=True))


def _ownership(identity: Identity, now: datetime) -> tuple[bool, datetime | None]:
    """Whether somebody active answers for it now, and until when."""
    periods = Ownership.objects.at(now).filter(subject_kind=Identity.NOUN, subject_id=identity.pk, role=OwnerRole.OWNER)
    until = periods.values_list("ends_at", flat=True).first()
    return bool(owners_of(Identity.NOUN, identity.pk, now)), until


def _entitlement(entitlement: Entitlement, access: Effective) -> EntitlementFacts:
    confers = access.conferred[entitlement.pk].keys() - {entitlement.pk}
    return EntitlementFacts(
        id=entitlement.pk,
        key=entitlement.key,
        name=entitlement.name,
        state=entitlement.state,
        risk=entitlement.risk,
        privileged=entitlement.privileged,
        longest_lease=entitlement.longest_lease,
        review_cadence=entitlement.review_cadence,
        allowed_kinds=tuple(sorted(entitlement.allowed_kinds)),
        confers=_named(confers, access.keys),
        confers_risk=_highest(access.risks[pk] for pk in confers),
    )


def _system(system: System) -> SystemFacts:
    return SystemFacts(
        id=system.pk,
        key=system.key,
        name=system.name,
        state=system.state,
        environment=system.environment,
        risk=system.risk,
    )


def _purpose(purpose: Purpose, identity: IdentityFacts, *, justifies: bool) -> PurposeFacts:
    return PurposeFacts(
        id=purpose.pk,
        reference=purpose.reference,
        name=purpose.name,
        state=purpose.state,
        emergency=purpose.emergency,
        justifies=justifies,
        admits=criteria.admit(purpose.criteria, identity),
        ends_at=purpose.ends_at,
        review_at=purpose.review_at,
    )


def _request(asking: Asking) -> RequestFacts:
    requester, identity = asking.requester, asking.identity
    same_human = requester.human_id is not None and requester.human_id == identity.human_id
    return RequestFacts(
        requester_id=requester.pk,
        requester_kind=requester.kind,
        requester_department=requester.department,
        by_machine=requester.is_machine,
        for_self=same_human or requester.pk == identity.pk,
        break_glass=asking.break_glass,
        term=asking.term,
    )
