"""Who takes over at once when an owner ends: backup, else manager, else the governance team (rule 8)."""

from datetime import datetime

from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.core.locking import locked_all
from governance.core.moves import amend, create
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership
from governance.identities.queries import GOVERNANCE_TEAM, members, owners_of
from governance.identities.states import OwnerRole, Status


def custodian(period: Ownership, leaver: Identity, now: datetime) -> Identity:
    """The active person who answers for the thing from now on. Raises Conflict when there is nobody at all."""
    backups = owners_of(period.subject_kind, period.subject_id, now, role=OwnerRole.BACKUP_OWNER)
    return _first_other([*backups, leaver.manager, *members(GOVERNANCE_TEAM, now)], leaver)


def _first_other(people: "list[Identity | None]", leaver: Identity) -> Identity:
    for person in people:
        if person is not None and person.pk != leaver.pk and person.state == Status.ACTIVE:
            return person
    msg = f"Nobody can take over from {leaver}: there is no backup, no manager and no governance team."
    raise Conflict(msg, code="no_custodian")


def hand_over_things(leaver: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """End what the leaver owns and name an interim custodian of each thing in the same breath (rule 1)."""
    for period in locked_all(Ownership.objects.at(now).filter(identity=leaver)):
        successor = custodian(period, leaver, now)
        amend(period, "ended", actor=actor, why=why, now=now, ends_at=now)
        heir = Ownership(
            subject_kind=period.subject_kind,
            subject_id=period.subject_id,
            role=period.role,
            identity=successor,
            interim=True,
            starts_at=now,
        )
        create(heir, actor=actor, why=why, now=now)


def repoint_grants(leaver: Identity, *, actor: Actor, why: str, now: datetime) -> None:
    """Name another accountable owner on every grant the leaver answered for that is not over."""
    answered = Grant.objects.filter(accountable_owner=leaver).exclude(state__in=OVER).select_related("purpose")
    for grant in locked_all(answered):
        heirs: list[Identity | None] = [*owners_of("purpose", grant.purpose_id, now), leaver.manager]
        successor = _first_other([*heirs, *members(GOVERNANCE_TEAM, now)], leaver)
        grants.repoint(grant, successor, actor=actor, why=why, now=now)
