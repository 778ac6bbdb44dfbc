"""Joiners and movers of a feed, some hundreds at a time in a bounded number of statements.

Nobody gets a sign-in account here: who signs in through the organisation's identity provider is given one then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.core.actor import Actor
from governance.core.locking import locked_all, unit_of_work
from governance.core.moves import amend_many, create_many, move_many, plain
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import STANDING, WAITING
from governance.identities.models import Human, Identity, Ownership
from governance.identities.states import OwnerRole, Status
from governance.lifecycle.models import Source
from governance.lifecycle.planning import Joiner, Mover
from governance.purposes.models import Dedication

SAID = {"manager_id": "manager", "ends_at": "end"}
"""What a preview calls a field, where its own name is not a word."""


def described(joiner: Joiner) -> dict[str, Any]:
    """Somebody to create, as a preview names them."""
    line = joiner.line
    return {
        "row": line.row,
        "key": line.key,
        "name": line.name,
        "kind": str(joiner.kind),
        "state": str(joiner.state),
        "title": line.title or "",
        "department": line.department or "",
        "manager": line.manager or "",
        "ends_at": plain(joiner.ends_at),
    }


def described_movers(movers: Sequence[Mover]) -> list[dict[str, Any]]:
    """People to change, as a preview names them: each field as it becomes, the manager by name where known."""
    ids = {pk for mover in movers if (pk := mover.changes.get("manager_id"))}
    names = dict(Identity.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [
        {
            "id": str(mover.id),
            "row": mover.row,
            "name": mover.name,
            "changes": [[SAID.get(name, name), _said(value, names)] for name, value in mover.changes.items()],
            "states": [str(state) for state in mover.states],
        }
        for mover in movers
    ]


def _said(value: Any, names: Mapping[UUID, str]) -> str:
    if isinstance(value, UUID):
        return names.get(value, "somebody new")
    if isinstance(value, datetime):
        return f"{value:%d %b %Y}"
    return str(value or "none")


@unit_of_work()
def join(source: Source, joiners: Sequence[Joiner], *, actor: Actor, why: str, now: datetime) -> None:
    """Create people with their humans; externals with their sponsor and purpose as well."""
    humans = {joiner.id: Human(name=joiner.line.name) for joiner in joiners if joiner.human_id is None}
    create_many(list(humans.values()), actor=actor, why=why, now=now)
    people = [_identity(source, joiner, humans.get(joiner.id)) for joiner in joiners]
    create_many(people, actor=actor, why=why, now=now)
    externals = [joiner for joiner in joiners if joiner.sponsor_id is not None]
    create_many([_sponsorship(joiner, now) for joiner in externals], actor=actor, why=why, now=now)
    purposes = [Dedication(identity_id=one.id, purpose=source.external_purpose) for one in externals]
    create_many(purposes, actor=actor, why=why, now=now)


def _identity(source: Source, joiner: Joiner, human: Human | None) -> Identity:
    line = joiner.line
    return Identity(
        id=joiner.id,
        kind=joiner.kind,
        name=line.name,
        state=joiner.state,
        source=source.key,
        external_key=line.key,
        human_id=human.pk if human else joiner.human_id,
        email=line.email or "",
        manager_id=joiner.manager_id,
        title=line.title or "",
        department=line.department or "",
        ends_at=joiner.ends_at,
    )


def _sponsorship(joiner: Joiner, now: datetime) -> Ownership:
    return Ownership(
        subject_kind=Identity.NOUN,
        subject_id=joiner.id,
        role=OwnerRole.OWNER,
        identity_id=joiner.sponsor_id,
        starts_at=now,
    )


@unit_of_work()
def change(movers: Sequence[Mover], *, actor: Actor, why: str, now: datetime) -> None:
    """Set what the feed says and the portal does not yet. An end that comes nearer shortens what is leased (rule 1)."""
    planned = {mover.id: mover for mover in movers}
    people = locked_all(Identity.objects.filter(pk__in=planned).exclude(state=Status.ENDED))
    changed = [one for one in people if planned[one.pk].changes]
    _rename_humans(changed, planned, actor=actor, why=why, now=now)
    amend_many(changed, "changed", actor=actor, why=why, now=now, each=lambda one: planned[one.pk].changes)
    _move(people, planned, actor=actor, why=why, now=now)
    _shorten_leases([one for one in changed if "ends_at" in planned[one.pk].changes], actor=actor, why=why, now=now)


def _rename_humans(
    people: Sequence[Identity], planned: Mapping[UUID, Mover], *, actor: Actor, why: str, now: datetime
) -> None:
    named: dict[Any, str] = {
        one.human_id: planned[one.pk].changes["name"] for one in people if "name" in planned[one.pk].changes
    }
    humans = locked_all(Human.objects.filter(pk__in=list(named))) if named else []
    amend_many(humans, "renamed", actor=actor, why=why, now=now, each=lambda human: {"name": named[human.pk]})


def _move(people: Sequence[Identity], planned: Mapping[UUID, Mover], *, actor: Actor, why: str, now: datetime) -> None:
    """Each move in turn; none for whom somebody else has moved since the plan was made: security may have."""
    steps: dict[tuple[int, Status], list[Identity]] = defaultdict(list)
    for one in (one for one in people if one.state == planned[one.pk].were):
        for place, to in enumerate(planned[one.pk].states):
            steps[place, to].append(one)
    for _, to in sorted(steps):
        move_many(steps[_, to], to, actor=actor, why=why, now=now)


def _shorten_leases(people: Sequence[Identity], *, actor: Actor, why: str, now: datetime) -> None:
    ends = {one.pk: one.ends_at for one in people if one.ends_at is not None}
    if not ends:
        return
    held = Grant.objects.filter(identity__in=ends, state__in=[*STANDING, *WAITING])
    longer = [grant for grant in locked_all(held) if grant.ends_at > ends[grant.identity_id]]
    grants.shorten(longer, lambda grant: ends[grant.identity_id], actor=actor, why=why, now=now)
