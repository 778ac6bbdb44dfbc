"""Who takes over at once when an owner ends: backup, else manager, else the governance team (rule 8).

Two may leave at the same moment, one the other's heir. So all who may take over are held together with the leaver,
and only who is held and active does. The purposes that the leaver answers for are held too: whoever makes a grant
shares its purpose, and so names an owner who is not just leaving (rule 1).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from governance.core.actor import Actor
from governance.core.errors import Conflict, NotFound
from governance.core.locking import locked_all
from governance.core.moves import amend, create
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership
from governance.identities.queries import GOVERNANCE_TEAM, members, owned_ids, owners, owners_of
from governance.identities.states import OwnerRole, Status
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
    """The owners of all that the leaver has to do with, the manager, and the governance team."""
    periods = Ownership.objects.unended(now).filter(identity=leaver).values_list("subject_kind", "subject_id")
    answered = _answered(leaver).values_list("purpose", flat=True).distinct()
    roles = owners([*periods, *((Purpose.NOUN, pk) for pk in answered)], now)
    beside = [person for people in roles.values() for found in people.values() for person in found]
    near = {person.pk for person in [*beside, *members(GOVERNANCE_TEAM, now)]}
    return near | ({leaver.manager_id} if leaver.manager_id else set())


def _answered(leaver: Identity) -> "QuerySet[Grant]":
    return Grant.objects.filter(accountable_owner=leaver).exclude(state__in=OVER)


def _first(leaver: Identity, heirs: Heirs, preferred: Iterable[UUID], now: datetime) -> Identity:
    """The first who is held and active, else the manager, else the governance team. Raises Conflict."""
    governance = [member.pk for member in members(GOVERNANCE_TEAM, now)]
    for pk in [*preferred, leaver.manager_id, *governance]:
        heir = heirs.get(pk) if pk else None
        if heir is not None and heir.state == Status.ACTIVE:
            return heir
    msg = f"Nobody can take over from {leaver}: there is no backup, no manager and no governance team."
    raise Conflict(msg, code="no_custodian")


def hand_over_things(leaver: Identity, heirs: Heirs, *, actor: Actor, why: str, now: datetime) -> None:
    """End what the leaver owns and name an interim custodian of each thing in the same breath (rule 1).

    Who takes a sponsorship over that was to end takes it over until that end.
    """
    for period in locked_all(Ownership.objects.unended(now).filter(identity=leaver)):
        moment = max(now, period.starts_at)
        backups = owners_of(period.subject_kind, period.subject_id, now, role=OwnerRole.BACKUP_OWNER)
        successor = _first(leaver, heirs, [backup.pk for backup in backups], now)
        heir = Ownership(
            subject_kind=period.subject_kind,
            subject_id=period.subject_id,
            role=period.role,
            identity=successor,
            interim=True,
            starts_at=moment,
            ends_at=period.ends_at,
        )
        amend(period, "ended", actor=actor, why=why, now=now, ends_at=moment)
        create(heir, actor=actor, why=why, now=now)


def repoint_grants(leaver: Identity, heirs: Heirs, *, actor: Actor, why: str, now: datetime) -> None:
    """Name another accountable owner on every grant the leaver answered for that is not over."""
    for grant in locked_all(_answered(leaver).select_related("purpose")):
        answering = [owner.pk for owner in owners_of("purpose", grant.purpose_id, now)]
        successor = _first(leaver, heirs, answering, now)
        grants.repoint(grant, successor, actor=actor, why=why, now=now)
