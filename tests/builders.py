"""An organisation for tests, a noun at a time, made through the door that the product itself uses."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.utils import timezone

from governance.access.models import Account
from governance.approvals.models import ApprovalStep
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.core.actor import Actor, ActorKind, Role
from governance.core.locking import locked_all, unit_of_work
from governance.core.models import Recorded
from governance.core.moves import create
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.identities.states import Environment, Kind, OwnerRole, Status
from governance.policy import moves as policy
from governance.policy.models import PolicyRule
from governance.purposes.models import Justification, Purpose
from governance.purposes.states import PurposeState
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.rules import Draft
from governance.users.models import User

BUILDER = Actor.system("builder")
EPOCH = timedelta(days=30)
_numbers = count(1)

R = TypeVar("R", bound=Recorded)


@unit_of_work()
def keep(row: R) -> R:
    """Insert one governed row."""
    return create(row, actor=BUILDER, why="Built", now=timezone.now() - EPOCH)


def person(name: str = "", *, manager: Identity | None = None, **fields: Any) -> Identity:
    """An active person with a human and a sign-in account."""
    number = next(_numbers)
    name = name or f"Person {number}"
    login = f"{name.lower().replace(' ', '.')}.{number}"
    values = {
        "kind": Kind.PERSON,
        "name": name,
        "state": Status.ACTIVE,
        "source": "hr",
        "external_key": str(uuid4()),
        "human": keep(Human(name=name)),
        "user": User.objects.create_user(login, f"{login}@example.com", None, name=name),
        "email": f"{login}@example.com",
        "manager": manager,
    }
    return keep(Identity(**{**values, **fields}))


def machine(owner: Identity, *, backup: Identity | None = None, **fields: Any) -> Identity:
    """An active service account with an owner."""
    number = next(_numbers)
    values = {
        "kind": Kind.SERVICE_ACCOUNT,
        "name": f"svc-{number}",
        "state": Status.ACTIVE,
        "source": "cmdb",
        "external_key": str(uuid4()),
        "environment": Environment.PRODUCTION,
        "canonical_identifier": f"svc-{number}@example.com",
        "ends_at": timezone.now() + timedelta(days=365),
    }
    identity = keep(Identity(**{**values, **fields}))
    owned(identity, owner, backup)
    return identity


def owned(thing: Recorded, owner: Identity, backup: Identity | None = None) -> None:
    """Name the owner, and the backup owner, of a thing."""
    for role, holder in ((OwnerRole.OWNER, owner), (OwnerRole.BACKUP_OWNER, backup)):
        if holder is not None:
            since = timezone.now() - EPOCH
            keep(
                Ownership(subject_kind=thing.NOUN, subject_id=thing.pk, role=role, identity=holder, starts_at=since)
            )


def team(key: str, *people: Identity) -> Team:
    """A team of people."""
    made = keep(Team(key=key, name=key.title()))
    for one in people:
        keep(TeamMembership(team=made, identity=one, starts_at=timezone.now() - EPOCH))
    return made


def system(owner: Identity, **fields: Any) -> System:
    """A production system of moderate risk."""
    number = next(_numbers)
    values = {
        "key": f"system-{number}",
        "name": f"System {number}",
        "environment": Environment.PRODUCTION,
        "risk": Risk.MODERATE,
    }
    made = keep(System(**{**values, **fields}))
    owned(made, owner)
    return made


def entitlement(on: System, owner: Identity, **fields: Any) -> Entitlement:
    """An entitlement of moderate risk that every kind may hold for up to 30 days."""
    number = next(_numbers)
    values = {
        "system": on,
        "key": f"role_{number}",
        "name": f"Role {number}",
        "description": "Reads things.",
        "risk": Risk.MODERATE,
        "longest_lease": timedelta(days=30),
        "review_cadence": timedelta(days=90),
        "allowed_kinds": list(Kind.values),
    }
    made = keep(Entitlement(**{**values, **fields}))
    owned(made, owner)
    return made


def purpose(owner: Identity, *justified: Entitlement, **fields: Any) -> Purpose:
    """An active purpose that ends in a year and justifies the entitlements."""
    values = {
        "reference": f"P-{next(_numbers):04}",
        "name": "Keeping the books",
        "state": PurposeState.ACTIVE,
        "ends_at": timezone.now() + timedelta(days=365),
    }
    made = keep(Purpose(**{**values, **fields}))
    owned(made, owner)
    for one in justified:
        keep(Justification(purpose=made, entitlement=one))
    return made


def account(identity: Identity, on: System, login: str = "") -> Account:
    """The identity's account on the system."""
    login = login or f"login_{next(_numbers)}"
    return keep(Account(system=on, native_id=login, login=login, identity=identity, correlated_by="builder"))


def rule(*steps: str, condition: str = "true", key: str = "", **outcomes: Any) -> PolicyRule:
    """A policy rule in force that asks for the steps, or whatever else `outcomes` say."""
    made = keep(PolicyRule(key=key or f"POL-{next(_numbers):02}", title="A rule"))
    follows = {"steps": [{"kind": kind} for kind in steps], **outcomes} if steps else outcomes
    wording = policy.Wording(condition=condition, outcomes=follows, reason="Because.")
    _publish(made, wording, timezone.now())
    return made


@unit_of_work()
def _publish(of: PolicyRule, wording: policy.Wording, now: datetime) -> None:
    locked_all(PolicyRule.objects.filter(pk=of.pk))
    version = policy.draft(of, wording, actor=BUILDER, why="Built", now=now)
    policy.publish(version, effective_from=now, actor=BUILDER, why="Built", now=now)


def actor(identity: Identity, *roles: Role, assurance: int = 1) -> Actor:
    """The person, signed in."""
    return Actor(
        kind=ActorKind.HUMAN,
        label=identity.name,
        user_id=identity.user_id,
        identity_id=identity.pk,
        human_id=identity.human_id,
        identity_ids=frozenset({identity.pk}),
        roles=frozenset(roles),
        assurance=assurance,
    )


def draft(beneficiary: Identity, what: Entitlement, why: Purpose, **fields: Any) -> Draft:
    """A request for two hours, as a form states it."""
    values: dict[str, Any] = {
        "beneficiary_id": beneficiary.pk,
        "entitlement_ids": (what.pk,),
        "purpose_id": why.pk,
        "justification": "The books must balance by tonight.",
        "term": timedelta(hours=2),
        "until": None,
        "form_token": uuid4(),
    }
    return Draft(**{**values, **fields})


class Organisation:
    """A small company in which everything that one lease needs stands: people, a system, a purpose, a rule."""

    def __init__(self, *steps: str) -> None:
        self.boss = person("Boss")
        self.manager = person("Manager", manager=self.boss)
        self.requester = person("Requester", manager=self.manager)
        self.owner = person("Owner", manager=self.boss)
        self.backup = person("Backup", manager=self.boss)
        self.stranger = person("Stranger", manager=self.boss)
        self.governance = [person("Gwen"), person("Gus")]
        team("governance", *self.governance)
        self.system = system(self.owner)
        self.entitlement = entitlement(self.system, self.owner)
        self.purpose = purpose(self.owner, self.entitlement)
        self.account = account(self.requester, self.system)
        self.rule = rule(*(steps or ("manager", "entitlement_owner")))

    def submit(self, *, now: datetime | None = None, **fields: Any) -> AccessRequest:
        """The requester asks for the entitlement."""
        wish = draft(self.requester, self.entitlement, self.purpose, **fields)
        return requests.submit(draft=wish, actor=actor(self.requester), now=now or timezone.now())


def step_ids(request: AccessRequest) -> list[UUID]:
    """The steps of the request's routes, in order."""
    items = request.items.values("pk")
    steps = ApprovalStep.objects.filter(route__subject_id__in=items).order_by("route", "position")
    return list(steps.values_list("pk", flat=True))
