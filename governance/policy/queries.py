"""Policy asked of the database: the rules in force, the facts of a moment, and the verdict on them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.db.models import F, Q, QuerySet

from governance.access.queries import Effective
from governance.catalog import bundles
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.core.subjects import Unbroken, leasing
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.queries import owners
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
from governance.separation.queries import Conflicting, Judgement, judge_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What policy is asked: may `identity` hold something for `purpose` over `term`, as `requester` asks.

    `assurance` is the authenticator assurance level (0 to 3) of the session that asked, `now` the moment to judge by,
    `break_glass` whether it is taken at once in an emergency. `starts_at` is when it is to begin, None for at once.
    `bundles` names, by entitlement, the bundle by which it is asked for, whatever has become of that meanwhile.
    The rows are taken as they are: whoever needs them fresh passes them fresh, or locked.
    """

    identity: Identity
    purpose: Purpose
    requester: Identity
    term: timedelta
    assurance: int
    now: datetime
    break_glass: bool = False
    starts_at: datetime | None = None
    bundles: Mapping[UUID, str] = field(default_factory=dict)


def decide(asking: Asking, entitlement: Entitlement) -> Verdict:
    """What policy says of one entitlement. The same for a preview, at submission and at activation; stores nothing."""
    return decide_many(asking, [entitlement])[entitlement.pk]


def decide_many(asking: Asking, entitlements: Collection[Entitlement]) -> Mapping[UUID, Verdict]:
    """The verdict on each entitlement by its id, in a number of queries that does not grow with them."""
    return decide_each([asking], entitlements)[asking.identity.pk]


def decide_each(
    askings: Sequence[Asking], entitlements: Collection[Entitlement]
) -> Mapping[UUID, Mapping[UUID, Verdict]]:
    """The same for several identities by their ids, in as many queries as for one.

    The askings are of one moment and purpose; each identity asks once.
    """
    if not askings:
        return {}
    rules = prepared(rules_in_force(askings[0].now))
    return {
        identity_id: {pk: evaluate(rules, facts) for pk, facts in gathered.items()}
        for identity_id, gathered in _gather_each(askings, entitlements).items()
    }


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
    return _gather_each([asking], entitlements)[asking.identity.pk]


def _gather_each(
    askings: Sequence[Asking], entitlements: Collection[Entitlement]
) -> Mapping[UUID, Mapping[UUID, Facts]]:
    """The facts on each entitlement for each identity that asks, by their ids."""
    now, purpose = askings[0].now, askings[0].purpose
    wanted = list(_with_systems(entitlements))
    ids, who = [one.pk for one in wanted], [asking.identity for asking in askings]
    known = _Known(
        identities=identity_facts(who, now),
        judged=judge_each(who, ids, now, emergency=askings[0].break_glass),
        leased=leasing().unbroken([one.pk for one in who], ids, now),
        justified=_justified(purpose, ids),
        approved=bundles.pre_approved({key for asking in askings for key in asking.bundles.values()}),
    )
    return {asking.identity.pk: {one.pk: _facts(asking, one, known) for one in wanted} for asking in askings}


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of all identities and entitlements at once."""

    identities: Mapping[UUID, IdentityFacts]
    judged: Mapping[UUID, Judgement]
    leased: Mapping[tuple[UUID, UUID], Unbroken]
    justified: frozenset[UUID]
    approved: Mapping[str, bundles.PreApproved]


def _facts(asking: Asking, entitlement: Entitlement, known: _Known) -> Facts:
    identity, judged = known.identities[asking.identity.pk], known.judged[asking.identity.pk]
    return Facts(
        identity=identity,
        entitlement=_entitlement(entitlement, judged.access),
        system=_system(entitlement.system),
        purpose=_purpose(asking.purpose, identity, justifies=entitlement.pk in known.justified),
        request=_request(asking, _bundle(asking, entitlement.pk, identity, known)),
        access=_access(asking, judged.access, entitlement.pk, known),
        separation=_separation(judged.conflicts[entitlement.pk]),
        assurance=asking.assurance,
        now=asking.now,
    )


def _bundle(asking: Asking, entitlement_id: UUID, identity: IdentityFacts, known: _Known) -> str:
    """The bundle by which it is asked for, if that approves it in advance for the identity."""
    key = asking.bundles.get(entitlement_id, "")
    found = known.approved.get(key)
    if found is None or entitlement_id not in found.entitlement_ids:
        return ""
    return key if criteria.admit(found.criteria, identity) else ""


def _with_systems(entitlements: Iterable[Entitlement]) -> "QuerySet[Entitlement]":
    return Entitlement.objects.filter(pk__in=[entitlement.pk for entitlement in entitlements]).select_related("system")


def _access(asking: Asking, access: Effective, entitlement_id: UUID, known: _Known) -> AccessFacts:
    """What the identity has been given itself and what it has in effect, as the entitlement's decision sees it."""
    direct, lease = access.direct[asking.identity.pk], known.leased.get((asking.identity.pk, entitlement_id))
    return AccessFacts(
        entitlements=_named(direct, access.keys),
        privileged=not (direct & access.privileged) <= {entitlement_id},
        continuous_since=lease.since if lease else asking.now,
        renewals=lease.renewals if lease else 0,
        effective=_named(access.held, access.keys),
    )


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


def _justified(purpose: Purpose, wanted: Collection[UUID]) -> frozenset[UUID]:
    rows = Justification.objects.filter(purpose=purpose, entitlement__in=wanted, ended_at__isnull=True)
    return frozenset(rows.values_list("entitlement", flat=True))


def identity_facts(identities: Collection[Identity], now: datetime) -> Mapping[UUID, IdentityFacts]:
    """What policy may know of each identity, by its id; a constant number of queries."""
    teams = _teams(identities, now)
    owned = _ownerships([one.pk for one in identities if one.kind != Kind.PERSON], now)
    return {one.pk: _identity(one, teams[one.pk], *owned.get(one.pk, (False, None))) for one in identities}


def _identity(
    identity: Identity,
    teams: Sequence[str],
    owned: bool,  # noqa: FBT001 - one fact of several
    owned_until: datetime | None,
) -> IdentityFacts:
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
        teams=tuple(teams),
        environment=identity.environment,
        owned=owned,
        owned_until=owned_until,
        ends_at=identity.ends_at,
    )


def _teams(identities: Iterable[Identity], now: datetime) -> Mapping[UUID, Sequence[str]]:
    memberships = TeamMembership.objects.at(now).filter(identity__in=identities).order_by("team__key")
    found: dict[UUID, list[str]] = defaultdict(list)
    for identity_id, key in memberships.values_list("identity", "team__key"):
        found[identity_id].append(key)
    return found


def _ownerships(identity_ids: Collection[UUID], now: datetime) -> Mapping[UUID, tuple[bool, datetime | None]]:
    """Whether somebody active answers for each of them now, and until when; no query for none."""
    if not identity_ids:
        return {}
    periods = Ownership.objects.at(now).filter(subject_kind=Identity.NOUN, role=OwnerRole.OWNER)
    until = dict(periods.filter(subject_id__in=identity_ids).values_list("subject_id", "ends_at"))
    people = owners([(Identity.NOUN, pk) for pk in identity_ids], now)
    return {pk: (bool(people[Identity.NOUN, pk].get(OwnerRole.OWNER)), until.get(pk)) for pk in identity_ids}


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


def _request(asking: Asking, bundle: str) -> RequestFacts:
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
        ahead=_ahead(asking),
        bundle=bundle,
    )


def _ahead(asking: Asking) -> timedelta:
    """In whole seconds, as decisions keep it, and none too few: no lease outlasts what was decided of it."""
    ahead = asking.starts_at - asking.now if asking.starts_at else timedelta()
    return timedelta(seconds=max(0, ceil(ahead.total_seconds())))
