"""Many leases at once, made past the actions, for the sweeps that work on them."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from governance.access.models import Account, Assignment
from governance.core.locking import unit_of_work
from governance.core.moves import create_many
from governance.grants.models import Grant
from governance.identities.models import Human, Identity
from tests.builders import BUILDER, Organisation, keep, purpose
from tests.leases import newcomer, started

OWN = {"id", "number", "identity_id", "assignment_id"}


def many_started(org: Organisation, count: int, **fields: Any) -> list[Grant]:
    """Leases like one that was started, each of a person with an account of their own; all end at one moment."""
    newcomer(org)
    first = started(org, **fields)
    return [first, *_like(first, org, count - 1)]


def beside(grant: Grant, org: Organisation) -> Grant:
    """Another lease of the same access, for another purpose, which ends a day later."""
    own = {"purpose": purpose(org.owner, grant.entitlement), "ends_at": grant.ends_at + timedelta(days=1)}
    shared = {name: value for name, value in vars(grant).items() if name in _columns() - {"id", "number", "purpose_id"}}
    return keep(Grant(**{**shared, **own}))


@unit_of_work()
def _like(first: Grant, org: Organisation, count: int) -> list[Grant]:
    """Each assignment is wanted at its first generation, as if its task had been done."""
    humans = _kept([Human(name=f"Person {n}") for n in range(count)])
    people = _kept([_person(human, n) for n, human in enumerate(humans)])
    accounts = _kept([_account(one, org) for one in people])
    assignments = _kept(
        [Assignment(account=one, entitlement=first.entitlement, wanted=True, generation=1) for one in accounts]
    )
    shared = {name: value for name, value in vars(first).items() if name in _columns() - OWN}
    return _kept(
        [Grant(**shared, identity=one, assignment=held) for one, held in zip(people, assignments, strict=True)]
    )


def _columns() -> set[str]:
    return {field.attname for field in Grant._meta.concrete_fields}


def _person(human: Human, n: int) -> Identity:
    key = f"{human.pk}"
    return Identity(kind="person", name=f"Person {n}", state="active", source="hr", external_key=key, human=human)


def _account(one: Identity, org: Organisation) -> Account:
    login = f"login-{one.pk}"
    return Account(system=org.system, native_id=login, login=login, identity=one, correlated_by="builder")


def _kept(rows: list[Any]) -> list[Any]:
    create_many(rows, actor=BUILDER, why="Built", now=timezone.now())
    return rows
