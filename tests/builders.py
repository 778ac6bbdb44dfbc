"""An organisation for tests, a noun at a time, made through the door that the product itself uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.utils import timezone

from governance.access import moves as access
from governance.access.models import Account, Assignment
from governance.access.moves import Look
from governance.access.states import Observation
from governance.approvals import actions as approvals
from governance.approvals.models import ApprovalStep
from governance.approvals.states import Verdict
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.core.actor import Actor, ActorKind, Role
from governance.core.locking import LockError, locked, locked_all, require_unit_of_work, unit_of_work
from governance.core.models import Recorded
from governance.core.moves import create_many
from governance.core.subjects import provable
from governance.grants import actions as grants
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.grants.states import Basis, GrantState
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.identities.states import Environment, Kind, OwnerRole, Status
from governance.policy import moves as policy
from governance.policy.facts import FAR_FUTURE
from governance.policy.models import PolicyDecision, PolicyRule
from governance.policy.queries import Asking, decide
from governance.policy.states import Mode, Phase
from governance.policy.verdicts import Verdict as PolicyVerdict
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


@contextmanager
def building() -> Iterator[None]:
    """One act, or a part of the one that is going on."""
    try:
        require_unit_of_work()
    except LockError:
        with unit_of_work():
            yield
    else:
        yield


def keep(row: R) -> R:
    """Insert one governed row."""
    return keep_all(row)[0]


def keep_all(*rows: R) -> tuple[R, ...]:
    """Insert governed rows of one model."""
    with building():
        create_many(rows, actor=BUILDER, why="Built", now=timezone.now() - EPOCH)
    return rows


def person(name: str = "", *, manager: Identity | None = None, **fields: Any) -> Identity:
    """An active person with a human and a sign-in account."""
    (found,) = people(somebody(name, manager=manager, **fields))
    return found


def somebody(name: str = "", *, manager: Identity | None = None, **fields: Any) -> Identity:
    """Such a person, not inserted yet."""
    number = next(_numbers)
    name = name or f"Person {number}"
    login = f"{name.lower().replace(' ', '.')}.{number}"
    values: dict[str, Any] = {
        "kind": Kind.PERSON,
        "name": name,
        "state": Status.ACTIVE,
        "source": "hr",
        "external_key": str(uuid4()),
        "email": f"{login}@example.com",
        "manager": manager,
    }
    if "human" not in fields:
        values["human"] = Human(name=name)
    if "user" not in fields:
        values["user"] = User(username=login, email=f"{login}@example.com", name=name)
        values["user"].set_unusable_password()
    return Identity(**{**values, **fields})


def people(*found: Identity) -> tuple[Identity, ...]:
    """Insert people, those who manage others first."""
    User.objects.bulk_create([one.user for one in found if one.user and one.user._state.adding])
    keep_all(*[one.human for one in found if one.human and one.human._state.adding])
    return keep_all(*found)


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
    since, roles = timezone.now() - EPOCH, ((OwnerRole.OWNER, owner), (OwnerRole.BACKUP_OWNER, backup))
    periods = [
        Ownership(subject_kind=thing.NOUN, subject_id=thing.pk, role=role, identity=holder, starts_at=since)
        for role, holder in roles
        if holder is not None
    ]
    keep_all(*periods)


def team(key: str, *people: Identity) -> Team:
    """A team of people."""
    made, since = keep(Team(key=key, name=key.title())), timezone.now() - EPOCH
    keep_all(*[TeamMembership(team=made, identity=one, starts_at=since) for one in people])
    return made


def joined(key: str, member: Identity) -> None:
    """Make somebody a member of a team that there is."""
    keep(TeamMembership(team=Team.objects.get(key=key), identity=member, starts_at=timezone.now() - EPOCH))


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
    keep_all(*[Justification(purpose=made, entitlement=one) for one in justified])
    return made


def account(identity: Identity, on: System, login: str = "") -> Account:
    """The identity's account on the system."""
    login = login or f"login_{next(_numbers)}"
    return keep(Account(system=on, native_id=login, login=login, identity=identity, correlated_by="builder"))


def rule(
    *steps: str, condition: str = "true", key: str = "", mode: str = Mode.BLOCK, says: str = "Because.", **outcomes: Any
) -> PolicyRule:
    """A policy rule in force that asks for the steps, or whatever else `outcomes` say."""
    made = keep(PolicyRule(key=key or f"POL-{next(_numbers):02}", title="A rule"))
    follows = {"steps": [{"kind": kind} for kind in steps], **outcomes} if steps else outcomes
    wording = policy.Wording(condition=condition, outcomes=follows, reason=says, mode=mode)
    _publish(made, wording, timezone.now())
    return made


def _publish(of: PolicyRule, wording: policy.Wording, now: datetime) -> None:
    with building():
        locked_all(PolicyRule.objects.filter(pk=of.pk))
        version = policy.draft(of, wording, actor=BUILDER, why="Built", now=now)
        policy.publish(version, effective_from=now, actor=BUILDER, why="Built", now=now)


def actor(identity: Identity, *roles: Role, assurance: int = 2, proven_at: datetime = FAR_FUTURE) -> Actor:
    """The person, signed in with two factors; by default a moment ago, whatever the test's clock says."""
    return Actor(
        kind=ActorKind.HUMAN,
        label=identity.name,
        user_id=identity.user_id,
        identity_id=identity.pk,
        human_id=identity.human_id,
        identity_ids=frozenset({identity.pk}),
        roles=frozenset(roles),
        assurance=assurance,
        proven_at=proven_at,
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
        with building():
            self._found(steps or ("manager", "entitlement_owner"))

    def _found(self, steps: tuple[str, ...]) -> None:
        self.boss = somebody("Boss")
        self.manager = somebody("Manager", manager=self.boss)
        self.requester = somebody("Requester", manager=self.manager)
        self.owner, self.backup, self.stranger = (
            somebody(name, manager=self.boss) for name in ("Owner", "Backup", "Stranger")
        )
        self.governance = [somebody("Gwen"), somebody("Gus")]
        staff = (self.manager, self.requester, self.owner, self.backup, self.stranger)
        people(self.boss, *staff, *self.governance)
        team("governance", *self.governance)
        self.system = system(self.owner)
        self.entitlement = entitlement(self.system, self.owner)
        self.purpose = purpose(self.owner, self.entitlement)
        self.account = account(self.requester, self.system)
        self.rule = rule(*steps)

    def submit(self, *, now: datetime | None = None, **fields: Any) -> AccessRequest:
        """The requester asks for the entitlement."""
        wish = draft(self.requester, self.entitlement, self.purpose, **fields)
        return requests.submit(draft=wish, actor=actor(self.requester), now=now or timezone.now())


def step_ids(request: AccessRequest) -> list[UUID]:
    """The steps of the request's routes, in order."""
    items = request.items.values("pk")
    steps = ApprovalStep.objects.filter(route__subject_id__in=items).order_by("route", "position")
    return list(steps.values_list("pk", flat=True))


def approve_all(request: AccessRequest, *, now: datetime | None = None) -> None:
    """Have every step of the request approved by the first of those whom it asks."""
    while step := ApprovalStep.objects.open().filter(route__subject_id__in=request.items.values("pk")).first():
        asked = step.approvers.filter(ends_at__isnull=True).select_related("identity").order_by("identity__name")[0]
        approvals.decide(
            step_id=step.pk,
            verdict=Verdict.APPROVE,
            reason="Fits.",
            actor=actor(asked.identity),
            now=now or timezone.now(),
        )


@unit_of_work()
def see(grant: Grant, observation: Observation = Observation.PRESENT, *, now: datetime | None = None) -> None:
    """One look at what a grant rests on, as a worker would record it."""
    moment = now or timezone.now()
    assignment = locked(Assignment.objects.with_names(), grant.assignment_id or uuid4())
    look = Look(observation, moment, "test", "a test", "0" * 64, "as the test has it")
    access.record_look(assignment, look, actor=BUILDER, why="Looked", now=moment)
    provable().lock(assignment.pk)
    provable().on_observed(
        assignment.pk, observation, wanted=assignment.wanted, detail=look.detail, actor=BUILDER, now=moment
    )


def live_grant(request: AccessRequest, *, now: datetime | None = None) -> Grant:
    """The request's first grant, approved, activated and verified present."""
    approve_all(request, now=now)
    pending = Grant.objects.get(source_id=request.items.values("pk")[:1])
    grant = grants.activate(grant_id=pending.pk, now=now or timezone.now())
    see(grant, now=now)
    return Grant.objects.get(pk=grant.pk)


def portal_role(holder: Identity, role: Role) -> Grant:
    """One of the portal's own roles, leased to somebody and verified present (rule 17)."""
    portal = System.objects.filter(key=PORTAL_SYSTEM).first() or system(holder, key=PORTAL_SYSTEM, name="Leasehold")
    what = Entitlement.objects.filter(system=portal, key=role).first() or entitlement(portal, holder, key=role)
    why = purpose(holder, what, name="Running the portal")
    at = Account.objects.filter(system=portal, identity=holder).first()
    at = at or keep(Account(system=portal, native_id=str(holder.user_id), login=holder.name, identity=holder))
    return adopted(at, holder, what, why)


def adopted(at: Account, holder: Identity, what: Entitlement, why: Purpose) -> Grant:
    """Access that stood already, leased to its holder for a week, whatever policy says of it."""
    standing = keep(Assignment(account=at, entitlement=what, wanted=True))
    now = timezone.now()
    asking = Asking(identity=holder, purpose=why, requester=holder, term=timedelta(days=7), assurance=2, now=now)
    decision = _recorded(decide(asking, what), what)
    return keep(
        Grant(
            identity=holder,
            entitlement=what,
            purpose=why,
            accountable_owner=holder,
            requester=holder,
            assignment=standing,
            state=GrantState.ACTIVE,
            basis=Basis.ADOPTION,
            source_kind=what.NOUN,
            source_id=what.pk,
            policy_decision=decision,
            activation_decision=decision,
            starts_at=now - timedelta(hours=1),
            ends_at=now + timedelta(days=7),
            created_at=now,
        )
    )


@unit_of_work()
def _recorded(verdict: PolicyVerdict, what: Entitlement) -> PolicyDecision:
    return policy.record_decision(
        verdict, phase=Phase.SUBMISSION, subject_kind=what.NOUN, subject_id=what.pk, actor=BUILDER
    )
