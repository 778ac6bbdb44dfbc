"""Who answers for what, who belongs together: the reads that every rule about people rests on."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from governance.core.history import history_model
from governance.core.querysets import PeriodQuerySet, covers
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.querysets import IdentityQuerySet, acts
from governance.identities.states import OwnerRole

Subject = tuple[str, UUID]
"""Kind and id of something that can be owned."""

GOVERNANCE_TEAM = "governance"
SECURITY_TEAM = "security"


def members(team_key: str, now: datetime) -> list[Identity]:
    """Active members of the team."""
    memberships = TeamMembership.objects.at(now).filter(team__key=team_key)
    return list(Identity.objects.active(now).filter(pk__in=memberships.values("identity")).order_by("name"))


def owners(
    subjects: Collection[Subject], now: datetime, away: Collection[UUID] = ()
) -> dict[Subject, dict[str, list[Identity]]]:
    """Active owners and backup owners of each subject, teams as their active members; two queries.

    Those of `away` who are on leave count as well. An interim custodian takes over at once: also for an act that read
    its clock before, and its rows only now.
    """
    recorded = covers(now) | Q(interim=True, starts_at__gt=now)
    periods = list(_ownerships(subjects).filter(recorded).select_related("identity").order_by("starts_at"))
    teams = _active_members({period.team_id for period in periods if period.team_id}, now)
    found: dict[Subject, dict[str, list[Identity]]] = {subject: {} for subject in subjects}
    for period in periods:
        people = teams[period.team_id] if period.team_id else _if_there(period.identity, away, now)
        found[period.subject_kind, period.subject_id].setdefault(period.role, []).extend(people)
    return found


def _ownerships(subjects: Collection[Subject]) -> "PeriodQuerySet[Ownership]":
    wanted = Q(pk__in=[])
    by_kind: dict[str, list[UUID]] = defaultdict(list)
    for kind, pk in subjects:
        by_kind[kind].append(pk)
    for kind, pks in by_kind.items():
        wanted |= Q(subject_kind=kind, subject_id__in=pks)
    return Ownership.objects.filter(wanted)


def _if_there(identity: Identity | None, away: Collection[UUID], now: datetime) -> list[Identity]:
    if identity is None or not (identity.acts(now) or (identity.pk in away and identity.is_away(now))):
        return []
    return [identity]


def _active_members(team_ids: Collection[UUID], now: datetime) -> Mapping[UUID, list[Identity]]:
    found: dict[UUID, list[Identity]] = defaultdict(list)
    rows = TeamMembership.objects.at(now).filter(acts(now, "identity__"), team__in=team_ids)
    for row in rows.select_related("identity").order_by("identity__name"):
        found[row.team_id].append(row.identity)
    return found


def owners_of(kind: str, pk: UUID, now: datetime, *, role: str = OwnerRole.OWNER) -> list[Identity]:
    """Active people who answer for one thing in the role."""
    return owners([(kind, pk)], now)[kind, pk].get(role, [])


def accountable_owner(kind: str, pk: UUID, now: datetime) -> Identity | None:
    """The one active person to name as answerable: the owner, else the backup owner, else nobody."""
    return _accountable(owners([(kind, pk)], now)[kind, pk])


def _accountable(roles: Mapping[str, list[Identity]]) -> Identity | None:
    people = roles.get(OwnerRole.OWNER) or roles.get(OwnerRole.BACKUP_OWNER) or []
    return people[0] if people else None


def keepers(identities: Iterable[Identity], now: datetime) -> Mapping[UUID, Identity]:
    """The accountable owner of each machine identity among them, by its id; no query where there is none."""
    machines = {(Identity.NOUN, one.pk) for one in identities if one.is_machine}
    found = owners(machines, now) if machines else {}
    named = {pk: _accountable(roles) for (_, pk), roles in found.items()}
    return {pk: keeper for pk, keeper in named.items() if keeper is not None}


def same_human(identity_ids: Iterable[UUID]) -> frozenset[UUID]:
    """The identities and every other identity of the same humans: they count as one (rule 2)."""
    given = frozenset(identity_ids)
    humans = Identity.objects.filter(pk__in=given, human__isnull=False).values("human")
    return given | frozenset(Identity.objects.filter(human__in=humans).values_list("pk", flat=True))


def identities_of_humans(identities: Iterable[Identity]) -> Mapping[UUID, frozenset[UUID]]:
    """For each identity by its id, it and every other identity of the same human; one query, and none for machines."""
    rows = list(identities)
    humans = {one.human_id for one in rows if one.human_id}
    found: dict[UUID, set[UUID]] = defaultdict(set)
    pairs = Identity.objects.filter(human__in=humans).values_list("human", "pk") if humans else ()
    for human_id, pk in pairs:
        found[human_id].add(pk)
    return {one.pk: frozenset({one.pk} | (found[one.human_id] if one.human_id else set())) for one in rows}


def answerable_for(identity_id: UUID, now: datetime) -> frozenset[UUID]:
    """Everybody who owns the identity in any role, teams as their members, and all identities of those humans.

    Whatever their state: who is away may not be asked, but their other identities must not decide either (rule 2).
    """
    periods = Ownership.objects.at(now).filter(subject_kind=Identity.NOUN, subject_id=identity_id)
    members = TeamMembership.objects.at(now).filter(team__in=periods.values("team"))
    alone = periods.filter(identity__isnull=False).values_list("identity", flat=True)
    return same_human([*alone, *members.values_list("identity", flat=True)])


def managing(identity_ids: Collection[UUID], since: datetime) -> frozenset[UUID]:
    """Everybody who has managed one of the identities, and who has managed those, since the moment; one query."""
    versions = history_model(Identity).objects
    before = versions.filter(id=OuterRef("id"), history_date__gt=OuterRef("history_date"), history_date__lte=since)
    standing = versions.filter(~Exists(before), manager__isnull=False)
    near = standing.filter(id__in=identity_ids).values("manager_id")
    found = standing.filter(Q(id__in=identity_ids) | Q(id__in=near))
    return frozenset(found.values_list("manager_id", flat=True))


def owned_ids(kind: str, identity_ids: Collection[UUID], now: datetime) -> "QuerySet[Ownership, UUID]":
    """Ids of the things of one kind that any of the identities owns, as owner or backup, alone or in a team."""
    teams = TeamMembership.objects.at(now).filter(identity__in=identity_ids)
    return (
        Ownership.objects.at(now)
        .filter(Q(identity__in=identity_ids) | Q(team__among=teams.values("team")), subject_kind=kind)
        .values_list("subject_id", flat=True)
    )


def identities_owned_by(identity_ids: Collection[UUID], now: datetime) -> "IdentityQuerySet[Identity]":
    """Active machine and external identities that any of the given ones owns."""
    return Identity.objects.active(now).filter(pk__in=owned_ids("identity", identity_ids, now)).order_by("name")


def unowned(now: datetime) -> int:
    """How many things that somebody has answered for have nobody active who does, as owner or backup owner."""
    answered = Ownership.objects.at(now).filter(
        Q(team__in=TeamMembership.objects.at(now).filter(acts(now, "identity__")).values("team"))
        | acts(now, "identity__")
    )
    subjects = Ownership.objects.exclude(subject_id__in=answered.values("subject_id"))
    return subjects.values("subject_id").distinct().count()


def governance_is_staffed(now: datetime) -> bool:
    """Whether the governance team has its two active members (rule 16)."""
    return sum(not one.is_machine for one in members(GOVERNANCE_TEAM, now)) >= 2  # noqa: PLR2004 - the rule's own number
