"""What becomes known of access as it stands. Callers hold the assignment, or the account of one to be made."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from governance.access.models import Account, Assignment, Inclusion, PresencePeriod, Verification
from governance.access.rules import Presence, presence
from governance.access.states import AccountClass, Observation, Proof
from governance.catalog.models import Entitlement, System
from governance.core.actor import Actor
from governance.core.locking import locked, locked_all, require_held
from governance.core.moves import amend, create
from governance.identities.models import Identity


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an assignment: what it showed, when, how and where, and the SHA-256 of the raw answer.

    `proof` says whether the system was read, or people stand in for it.
    """

    observation: Observation
    at: datetime
    method: str
    source: str
    answer_hash: str
    detail: str
    paths: tuple[tuple[str, ...], ...] = ()
    proof: Proof = Proof.READ_BACK


def open_account(
    system: System,
    login: str,
    *,
    native_id: str,
    identity: Identity | None,
    correlated_by: str,
    actor: Actor,
    why: str,
    now: datetime,
) -> Account:
    """Make an account known, standard until somebody says otherwise."""
    account = Account(
        system=system,
        native_id=native_id,
        login=login,
        identity=identity,
        account_class=AccountClass.STANDARD,
        correlated_by=correlated_by,
    )
    return create(account, actor=actor, why=why, now=now)


def hold_assignment(account: Account, entitlement: Entitlement, *, actor: Actor, why: str, now: datetime) -> Assignment:
    """The assignment of the entitlement to the account, locked; made if there was none.

    The account is locked first, so that two who need the same assignment make it once.
    """
    locked(Account.objects.all(), account.pk)
    rows = Assignment.objects.with_names().filter(account=account.pk, entitlement=entitlement.pk)
    for assignment in locked_all(rows):
        return assignment
    return create(Assignment(account=account, entitlement=entitlement), actor=actor, why=why, now=now)


def record_look(assignment: Assignment, look: Look, *, actor: Actor, why: str, now: datetime) -> Verification:
    """Keep what was seen, and begin or end the period in which the assignment is known to stand.

    Raises LockError unless the assignment is held. Texts longer than their columns are cut: the proof is the hash.
    """
    require_held(assignment)
    _keep_presence(assignment, look)
    verification = Verification(
        assignment=assignment,
        observation=look.observation,
        at=look.at,
        method=look.method[:64],
        source=look.source[:200],
        answer_hash=look.answer_hash,
        detail=look.detail[:500],
        paths=[list(path) for path in look.paths],
        proof=look.proof,
        generation=assignment.generation,
    )
    return create(verification, actor=actor, why=why, now=now)


def _keep_presence(assignment: Assignment, look: Look) -> None:
    """Periods touch at most: a look never reaches back behind what an earlier one has settled."""
    last = assignment.presence_periods.order_by("-starts_at").first()
    standing = last is not None and last.ends_at is None
    change = presence(look.observation, standing=standing)
    if change == Presence.BEGINS:
        start = max(look.at, last.ends_at) if last is not None and last.ends_at else look.at
        PresencePeriod(assignment=assignment, starts_at=start).save(force_insert=True)
    elif change == Presence.ENDS and last is not None:
        last.ends_at = max(look.at, last.starts_at)
        last.save(update_fields=["ends_at"])


def record_inclusion(
    entitlement: Entitlement,
    conferred: Entitlement,
    *,
    source: str,
    seen_at: datetime,
    actor: Actor,
    why: str,
    now: datetime,
) -> Inclusion:
    """Keep that one entitlement confers the other, or that this was seen again.

    The entitlement that confers is locked first, so that two who see the same keep it once. A circle is kept as the
    system has it: only what is entered by hand is refused for that.
    """
    locked(Entitlement.objects.all(), entitlement.pk)
    for known in locked_all(_inclusions().filter(entitlement=entitlement, conferred=conferred)):
        last = max(seen_at, known.seen_at)
        return amend(known, "seen", actor=actor, why=why, now=now, seen_at=last, source=source)
    made = Inclusion(entitlement=entitlement, conferred=conferred, source=source, seen_at=seen_at)
    return create(made, actor=actor, why=why, now=now)


def _inclusions() -> "QuerySet[Inclusion]":
    return Inclusion.objects.filter(ended_at__isnull=True).select_related("entitlement__system", "conferred__system")


def end_inclusion(inclusion: Inclusion, *, actor: Actor, why: str, now: datetime) -> Inclusion:
    """The held inclusion no longer stands. Raises LockError."""
    return amend(inclusion, "ended", actor=actor, why=why, now=now, ended_at=now)
