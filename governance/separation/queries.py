"""Separation asked of the database: what access would break, and what all live access breaks now."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from governance.access.queries import Effective, effective_accesses, inclusions_beyond
from governance.access.rules import Path, shortest_paths
from governance.catalog.models import Entitlement
from governance.identities.models import Identity
from governance.identities.queries import SECURITY_TEAM, identities_of_humans, members, owners
from governance.notifications.models import Notification
from governance.separation.models import Mitigation, SeparationRule, SeparationRuleVersion
from governance.separation.querysets import MitigationQuerySet
from governance.separation.rules import Clash, Sides, clashes
from governance.separation.sides import touching, with_sides
from governance.separation.states import Side

MAP = "separation map"
"""What activations are judged by, rules and inclusions together: the name under which they take turns with changes."""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """One rule that access would break, in words that a requester can read; `mitigation` covers it, if there is one."""

    rule_key: str
    version: int
    text: str
    mitigation: Mitigation | None

    @property
    def rule(self) -> str:
        """The rule as facts name it: `key/version`."""
        return f"{self.rule_key}/{self.version}"


def holder_of(identity: Identity) -> UUID:
    """Whom separation counts as one: the human with all their identities, or the machine identity."""
    return identity.human_id or identity.pk


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an identity holds in effect with all its human's others, and what each entitlement would break."""

    access: Effective
    conflicts: Mapping[UUID, tuple[Conflicting, ...]]

    def bare(self, entitlement_id: UUID) -> list[Conflicting]:
        """What the entitlement would break and no live mitigation covers."""
        return [one for one in self.conflicts[entitlement_id] if one.mitigation is None]


def judge(
    identity: Identity, entitlement_ids: Collection[UUID], now: datetime, *, emergency: bool = False
) -> Judgement:
    """What each entitlement would break if the identity held it, beside all it holds and the others of them.

    Judged is what each confers, and what all identities of the same human hold. A constant number of queries.
    In an `emergency` only a mitigation that was approved for emergencies covers anything (rule 11).
    """
    return judge_each([identity], entitlement_ids, now, emergency=emergency)[identity.pk]


def judge_each(
    identities: Sequence[Identity], entitlement_ids: Collection[UUID], now: datetime, *, emergency: bool = False
) -> Mapping[UUID, Judgement]:
    """The same for each of several identities by its id, as many queries as for one."""
    own = identities_of_humans(identities)
    accesses = effective_accesses([own[identity.pk] for identity in identities], entitlement_ids)
    asked = accesses[0].conferred if accesses else {}
    versions = _touching({pk for conferred in asked.values() for pk in conferred})
    found = [{pk: tuple(_clashes(pk, asked, access.held, versions)) for pk in entitlement_ids} for access in accesses]
    clashes = [clash for those in found for told in those.values() for clash in told]
    holders, broken = {holder_of(identity) for identity in identities}, {clash.rule_id for clash in clashes}
    teller = _Teller(clashes, versions, _live_mitigations(holders, broken, now, emergency=emergency))
    return {
        identity.pk: Judgement(
            access,
            {pk: tuple(teller.told(clash, pk, identity, access.held) for clash in told) for pk, told in those.items()},
        )
        for identity, access, those in zip(identities, accesses, found, strict=True)
    }


Versions = Mapping[UUID, tuple[SeparationRuleVersion, Sides]]
"""Versions in force by the id of their rule, with their sets."""


def _touching(entitlement_ids: Collection[UUID]) -> Versions:
    """The versions in force that keep one of the entitlements apart; a query, and one more if there are any."""
    sides = touching(entitlement_ids)
    rows = SeparationRuleVersion.objects.in_force().filter(rule__in=sides).select_related("rule") if sides else ()
    return {version.rule_id: (version, sides[version.rule_id]) for version in rows}


def _clashes(
    entitlement_id: UUID, asked: Mapping[UUID, Mapping[UUID, Path]], held: Mapping[UUID, Path], versions: Versions
) -> Iterator[Clash]:
    beside = {
        pk: path for other, conferred in asked.items() if other != entitlement_id for pk, path in conferred.items()
    }
    sides = [found for _, found in versions.values()]
    return clashes(sides, {**beside, **held}, asked[entitlement_id])


class _Teller:
    """Says in words how access would break rules, and which mitigations cover it; reads all names at once."""

    def __init__(
        self, clashes: Iterable[Clash], versions: Versions, mitigations: Mapping[tuple[UUID, UUID], Mitigation]
    ) -> None:
        self._versions = versions
        self._names = names({pk for clash in clashes for pk in (*clash.left, *clash.right)})
        self._mitigations = mitigations

    def told(self, clash: Clash, entitlement_id: UUID, identity: Identity, held: Mapping[UUID, Path]) -> Conflicting:
        """The clash, where the entitlement is the one that is asked for, for an identity that has `held` in effect."""
        version, _ = self._versions[clash.rule_id]
        given = {path[0] for path in held.values()}
        left, right = (self._way(path, entitlement_id, given) for path in (clash.left, clash.right))
        text = f"{version.rule.key}: {version.reason} {left} and {right} would come together."
        covering = self._mitigations.get((clash.rule_id, holder_of(identity)))
        return Conflicting(version.rule.key, version.number, text, covering)

    def _way(self, path: Path, entitlement_id: UUID, given: Collection[UUID]) -> str:
        how = "held" if path[0] in given else "asked for as well"
        how = "asked for" if path[0] == entitlement_id else how
        through = ", then ".join(self._names[pk] for pk in path[:-1])
        return f"{self._names[path[-1]]} ({how}{f' through {through}' if through else ''})"


def names(entitlement_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """What the entitlements are called; one query, none for none."""
    if not entitlement_ids:
        return {}
    rows = Entitlement.objects.filter(pk__in=entitlement_ids).select_related("system")
    return {row.pk: str(row) for row in rows}


def _live_mitigations(
    holders: Collection[UUID], rule_ids: Collection[UUID], now: datetime, *, emergency: bool
) -> Mapping[tuple[UUID, UUID], Mitigation]:
    """By rule and holder."""
    if not rule_ids:
        return {}
    live = Mitigation.objects.live(now, emergency=emergency).filter(rule__in=rule_ids, holder__in=holders)
    return {(mitigation.rule_id, mitigation.holder): mitigation for mitigation in live}


def in_force(rule_id: UUID) -> SeparationRuleVersion | None:
    """The version of the rule that decides now, or none."""
    return SeparationRuleVersion.objects.in_force().filter(rule=rule_id).select_related("rule").first()


def keys_of(version: SeparationRuleVersion) -> dict[str, list[str]]:
    """What each side names, in order: entitlements as `system/entitlement` keys, bundles by their keys; one query."""
    found: dict[str, list[str]] = {str(side): [] for side in Side}
    rows = version.members.values_list("side", "bundle__key", "entitlement__system__key", "entitlement__key")
    for side, bundle, system, entitlement in rows:
        found[side].append(bundle or f"{system}/{entitlement}")
    return {side: sorted(keys) for side, keys in found.items()}


def concerned(rule_ids: Collection[UUID], now: datetime) -> Mapping[UUID, frozenset[UUID]]:
    """Whom a violation of each rule is told: who answers for the rule in any role, and security."""
    security = {one.pk for one in members(SECURITY_TEAM, now)}
    found = owners([(SeparationRule.NOUN, pk) for pk in rule_ids], now)
    return {
        pk: frozenset(one.pk for people in roles.values() for one in people if not one.is_machine) | security
        for (_, pk), roles in found.items()
    }


REVIEW_ONCE = "review:"
"""What a reminder of a mitigation's review is said once under, before the mitigation's id."""


def review_untold(now: datetime) -> "MitigationQuerySet[Mitigation]":
    """Mitigations whose review is due without whoever approved them having been told: they always are."""
    mark = Concat(Value(REVIEW_ONCE), Cast(OuterRef("pk"), CharField()))
    told = Notification.objects.filter(recipient=OuterRef("decider"), once=mark)
    return Mitigation.objects.review_due(now).filter(~Exists(told))


# The scan -------------------------------------------------------------------------------------------------------------

_DIFFERENCES = with_sides(""", confers (target, source) AS (
    SELECT DISTINCT entitlement_id, entitlement_id FROM side
    UNION
    SELECT c.target, i.entitlement_id FROM confers c JOIN governance_inclusion i ON i.conferred_id = c.source
    WHERE i.ended_at IS NULL
), standing AS (
    SELECT DISTINCT n.id AS identity_id, coalesce(n.human_id, n.id) AS holder, a.entitlement_id
    FROM governance_assignment a
    JOIN governance_account c ON c.id = a.account_id
    JOIN governance_identity n ON n.id = c.identity_id
    WHERE a.entitlement_id IN (SELECT source FROM confers) AND (a.wanted OR EXISTS (
        SELECT FROM governance_presenceperiod p WHERE p.assignment_id = a.id AND p.ends_at IS NULL
    ))
), touched AS (
    SELECT DISTINCT ON (s.rule_id, s.side, t.holder)
        s.rule_id, s.severity, s.side, t.holder, t.identity_id, c.target, c.source
    FROM side s JOIN confers c ON c.target = s.entitlement_id JOIN standing t ON t.entitlement_id = c.source
    ORDER BY s.rule_id, s.side, t.holder, c.source <> c.target, c.target, c.source, t.identity_id
), broken AS (
    SELECT rule_id, holder, l.severity, l.identity_id, l.source AS l_source, l.target AS l_target,
        r.source AS r_source, r.target AS r_target
    FROM touched l JOIN touched r USING (rule_id, holder)
    WHERE l.side = 'left' AND r.side = 'right'
), known AS (
    SELECT id, rule_id, holder, severity, left_id, left_path[1] AS l_source, right_id, right_path[1] AS r_source
    FROM governance_separationviolation WHERE state IN ('open', 'mitigated')
)
SELECT k.id, b.rule_id, b.holder, b.identity_id, b.severity, b.l_source, b.l_target, b.r_source, b.r_target
FROM broken b FULL JOIN known k ON k.rule_id = b.rule_id AND k.holder = b.holder
WHERE k.id IS NULL OR b.rule_id IS NULL
    OR (k.severity, k.l_source, k.left_id, k.r_source, k.right_id)
        IS DISTINCT FROM (b.severity, b.l_source, b.l_target, b.r_source, b.r_target)
ORDER BY b.rule_id, b.holder, k.id
""")
"""All live access against all rules in one pass, joined to the violations that are known: only differences come out."""


@dataclass(frozen=True, slots=True)
class Breach:
    """That a holder has both sides of a rule, and how. `known` is the violation that says so otherwise, if any."""

    known: UUID | None
    rule_id: UUID
    holder: UUID
    identity_id: UUID
    severity: str
    left: Path
    right: Path


@dataclass(frozen=True, slots=True)
class Differences:
    """What has changed since the last scan: new breaches and ones that stand otherwise now, and violations gone."""

    breaches: tuple[Breach, ...]
    gone: tuple[UUID, ...]


def differences() -> Differences:
    """All live effective access held against all rules in force and all standing violations; two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES)
        rows = cursor.fetchall()
    broken = [row for row in rows if row[1] is not None]
    paths = _Paths({source for row in broken for source in (row[5], row[7])})
    breaches = [
        Breach(known, rule_id, holder, identity_id, severity, paths.between(one, left), paths.between(other, right))
        for known, rule_id, holder, identity_id, severity, one, left, other, right in broken
    ]
    return Differences(tuple(breaches), tuple(row[0] for row in rows if row[1] is None))


class _Paths:
    """Shortest paths among inclusions that are read once."""

    def __init__(self, sources: Collection[UUID]) -> None:
        self._inclusions = inclusions_beyond(sources) if sources else []
        self._found: dict[UUID, Mapping[UUID, Path]] = {}

    def between(self, source: UUID, target: UUID) -> Path:
        """The path; where an inclusion has ended since the scan has looked, what is known of it."""
        if source not in self._found:
            self._found[source] = shortest_paths([source], self._inclusions)
        return self._found[source].get(target, (source, target))
