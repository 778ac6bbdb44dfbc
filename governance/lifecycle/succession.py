"""Who takes over at once when an owner ends: backup, else manager, else the governance team (rule 8).

Where nobody is left to, the owner ends all the same and nobody answers any more: what rests on that ends too (rule 1).
Two may leave at the same moment, one the other's heir. So all who may take over are held together with the leaver,
and only who is held and active does. The purposes that the leaver answers for are held too: whoever makes a grant
shares its purpose, and so names an owner who is not just leaving (rule 1).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.core.actor import Actor
from governance.core.errors import Conflict, NotFound
from governance.core.locking import locked_all
from governance.core.moves import amend, create
from governance.core.querysets import PeriodQuerySet
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership, TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, members, owned_ids, owners, owners_of
from governance.identities.querysets import acts
from governance.identities.states import OwnerRole
from governance.purposes.models import Purpose

Heirs = Mapping[UUID, Identity]
"""Who may take over, by id, as they are under their locks."""


def lock(identity_id: UUID, now: datetime) -> tuple[Identity, Heirs]:
    """Hold the leaver, the purposes they answer for, and all who may take over. Raises NotFound, Conflict."""
    hint = Identity.objects.filter(pk=identity_id).first()
    if hint is None:
        raise NotFound
    held = {purpose.pk for purpose in locked_all(Purpose.objects.filter(pk__in=_purposes(hint, now)))}
    rows = Identity.objects.filter(pk__in={hint.pk, *_near(hint, now)}).select_related("user")
    people = {identity.pk: identity for identity in locked_all(rows)}
    leaver = people.pop(hint.pk)
    if not held.issuperset(_purposes(leaver, now)):
        msg = f"{leaver} has just been made to answer for another purpose; try again."
        raise Conflict(msg, code="ownership_changed")
    return leaver, people


def _purposes(leaver: Identity, now: datetime) -> frozenset[UUID]:
    return frozenset(owned_ids(Purpose.NOUN, [leaver.pk], now))


def _near(leaver: Identity, now: datetime) -> set[UUID]:
    """All who answer beside the leaver, their teams, the manager, the governance team, and the identities owned."""
    periods = list(_periods(leaver, _teams(leaver, now), now).values_list("subject_kind", "subject_id"))
    answered = _answered(leaver).values_list("purpose", flat=True).distinct()
    roles = owners([*periods, *((Purpose.NOUN, pk) for pk in answered)], now)
    beside = {person.pk for people in roles.values() for found in people.values() for person in found}
    beside |= {pk for kind, pk in periods if kind == Identity.NOUN}
    beside |= {member.pk for member in members(GOVERNANCE_TEAM, now)}
    return beside | ({leaver.manager_id} if leaver.manager_id else set())


def _teams(leaver: Identity, now: datetime) -> frozenset[UUID]:
    return frozenset(TeamMembership.objects.at(now).filter(identity=leaver).values_list("team", flat=True))


def _colleagues(leaver: Identity, now: datetime) -> "PeriodQuerySet[TeamMembership]":
    """Memberships of the others in the leaver's teams who may act."""
    others = TeamMembership.objects.at(now).filter(acts(now, "identity__"), team__in=_teams(leaver, now))
    return others.exclude(identity=leaver)


def _emptied(leaver: Identity, now: datetime) -> frozenset[UUID]:
    """The teams of which the leaver is the last who may act."""
    return _teams(leaver, now) - frozenset(_colleagues(leaver, now).values_list("team", flat=True))


def _periods(leaver: Identity, teams: Collection[UUID], now: datetime) -> "PeriodQuerySet[Ownership]":
    """What the leaver answers for, alone or as one of the teams, now or later."""
    return Ownership.objects.unended(now).filter(Q(identity=leaver) | Q(team__in=teams))


def _answered(leaver: Identity) -> "QuerySet[Grant]":
    return Grant.objects.filter(accountable_owner=leaver).exclude(state__in=OVER)


def _first(leaver: Identity, heirs: Heirs, preferred: Iterable[UUID], now: datetime) -> Identity | None:
    """The first who is held and may act, else the manager, else the governance team, else nobody."""
    governance = [member.pk for member in members(GOVERNANCE_TEAM, now)]
    for pk in [*preferred, leaver.manager_id, *governance]:
        heir = heirs.get(pk) if pk else None
        if heir is not None and heir.acts(now):
            return heir
    return None


def hand_over_things(leaver: Identity, heirs: Heirs, *, actor: Actor, why: str, now: datetime) -> frozenset[UUID]:
    """End what the leaver owns and name an interim custodian of each thing in the same breath (rule 1).

    Who takes a sponsorship over that was to end takes it over until that end. Answers the identities that nobody
    answers for any more.
    """
    orphaned = set()
    for period in locked_all(_periods(leaver, _emptied(leaver, now), now)):
        moment = max(now, period.starts_at)
        backups = owners_of(period.subject_kind, period.subject_id, now, role=OwnerRole.BACKUP_OWNER)
        successor = _first(leaver, heirs, [backup.pk for backup in backups], now)
        until = period.ends_at
        amend(period, "ended", actor=actor, why=why, now=now, ends_at=moment)
        if successor is not None:
            create(_interim(period, successor, moment, until), actor=actor, why=why, now=now)
        elif period.subject_kind == Identity.NOUN and period.role == OwnerRole.OWNER and period.starts_at <= now:
            orphaned.add(period.subject_id)
    return frozenset(orphaned)


def _interim(period: Ownership, successor: Identity, moment: datetime, until: datetime | None) -> Ownership:
    return Ownership(
        subject_kind=period.subject_kind,
        subject_id=period.subject_id,
        role=period.role,
        identity=successor,
        interim=True,
        starts_at=moment,
        ends_at=until,
    )


def repoint_grants(leaver: Identity, heirs: Heirs, *, actor: Actor, why: str, now: datetime) -> frozenset[UUID]:
    """Name another accountable owner on every grant the leaver answered for that is not over.

    Answers those that nobody is left to answer for.
    """
    orphaned = set()
    for grant in locked_all(_answered(leaver).select_related("purpose")):
        answering = [owner.pk for owner in owners_of("purpose", grant.purpose_id, now)]
        successor = _first(leaver, heirs, answering, now)
        if successor is None:
            orphaned.add(grant.pk)
        else:
            grants.repoint(grant, successor, actor=actor, why=why, now=now)
    return frozenset(orphaned)
