"""How an empty portal begins: its first administrator, by a command that works once (rule 17).

Everything is a governed record from the first moment on. The rule that lets the first administrator in is a
policy rule like any other, and is retired in the transaction that used it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from governance.access.models import Account, Assignment
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.connectors import moves as connectors
from governance.core.actor import Actor, Role
from governance.core.errors import Conflict
from governance.core.locking import unit_of_work
from governance.core.models import Recorded
from governance.core.moves import create
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.queries import PORTAL_SYSTEM
from governance.grants.states import Basis
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.identities.moves import introduce
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM
from governance.identities.states import Environment, Kind, OwnerRole, Status
from governance.policy import moves as policy
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.queries import Asking, decide
from governance.policy.starter import RULES
from governance.policy.states import Phase
from governance.purposes.models import Justification, Purpose
from governance.purposes.states import PurposeState
from governance.users.models import User

FOUNDING = Actor.system("founding")
WHY = "The portal is founded"
FIRST_LEASE = timedelta(days=30)
LONGEST_ROLE_LEASE = timedelta(days=90)
QUARTER = timedelta(days=90)
YEAR = timedelta(days=365)

R = TypeVar("R", bound=Recorded)

ROLES = {
    Role.ADMINISTRATOR: ("Administer the portal", "Draft and publish policy rules, end identities, redact bodies."),
    Role.AUDITOR: ("Audit the portal", "See every request, grant and audit event, and change nothing."),
    Role.SECURITY: ("Watch over access", "See everything, and end any grant or identity early."),
}


@dataclass(frozen=True, slots=True)
class Founder:
    """Who the first administrator is; the password is hashed and never kept."""

    username: str
    email: str
    name: str
    password: str | None


@unit_of_work()
def found(founder: Founder, *, now: datetime) -> Grant:
    """Make the portal's own system, roles, purpose, teams and rules, and lease the first administrator role.

    Works once: raises Conflict when the portal has been founded.
    """
    if System.objects.filter(key=PORTAL_SYSTEM).exists():
        raise Conflict("The portal is founded already: its roles are requested like any other access.")
    identity = _identity(founder, now)
    for key, name in ((GOVERNANCE_TEAM, "Governance team"), (SECURITY_TEAM, "Security")):
        team = _keep(Team(key=key, name=name), now)
        _keep(TeamMembership(team=team, identity=identity, starts_at=now), now)
    system, roles = _portal(identity, now)
    purpose = _purpose(identity, roles, now)
    account = portal_account(identity, system, now)
    grant = _first_lease(identity, roles[Role.ADMINISTRATOR], purpose, account, now)
    policy.install(RULES, identity, actor=FOUNDING, why=WHY, now=now)
    return grant


def _keep(row: R, now: datetime) -> R:
    return create(row, actor=FOUNDING, why=WHY, now=now)


def _own(thing: Recorded, owner: Identity, now: datetime) -> None:
    kind, pk = thing.NOUN, thing.pk
    _keep(Ownership(subject_kind=kind, subject_id=pk, role=OwnerRole.OWNER, identity=owner, starts_at=now), now)


def _identity(founder: Founder, now: datetime) -> Identity:
    user = User.objects.create_user(founder.username, founder.email, founder.password, name=founder.name)
    identity = Identity(
        kind=Kind.PERSON,
        name=founder.name,
        state=Status.ACTIVE,
        source="founding",
        external_key=founder.username,
        human=_keep(Human(name=founder.name), now),
        user=user,
        email=founder.email,
    )
    return _keep(identity, now)


def _portal(owner: Identity, now: datetime) -> tuple[System, dict[Role, Entitlement]]:
    system = System(
        key=PORTAL_SYSTEM,
        name="Leasehold",
        description="This portal: its roles are leased like any other access.",
        environment=Environment.PRODUCTION,
        risk=Risk.HIGH,
    )
    _keep(system, now)
    _own(system, owner, now)
    connectors.connect(system, "portal", {}, actor=FOUNDING, why=WHY, now=now)
    return system, {role: _role(role, system, owner, now) for role in ROLES}


def _role(role: Role, system: System, owner: Identity, now: datetime) -> Entitlement:
    name, description = ROLES[role]
    entitlement = Entitlement(
        system=system,
        key=role,
        name=name,
        description=description,
        risk=Risk.MODERATE,
        privileged=True,
        longest_lease=LONGEST_ROLE_LEASE,
        review_cadence=QUARTER,
        allowed_kinds=[Kind.PERSON],
    )
    _keep(entitlement, now)
    _own(entitlement, owner, now)
    return entitlement


def _purpose(owner: Identity, roles: dict[Role, Entitlement], now: datetime) -> Purpose:
    purpose = Purpose(
        reference="P-0001",
        name="Running the portal",
        description="Administering, watching and auditing this portal.",
        state=PurposeState.ACTIVE,
        review_at=now + YEAR,
    )
    _keep(purpose, now)
    _own(purpose, owner, now)
    for entitlement in roles.values():
        _keep(Justification(purpose=purpose, entitlement=entitlement), now)
    return purpose


def portal_account(identity: Identity, system: System, now: datetime) -> Account:
    """The identity's account on the portal, known by the id of its sign-in account."""
    user = identity.user
    if user is None:
        msg = f"{identity} has no sign-in account."
        raise Conflict(msg)
    account = Account(
        system=system, native_id=str(user.pk), login=user.username, identity=identity, correlated_by="user"
    )
    return _keep(account, now)


def _first_lease(who: Identity, role: Entitlement, purpose: Purpose, account: Account, now: datetime) -> Grant:
    """Lease the role under a rule that holds for this one decision."""
    rule = introduce(PolicyRule(key="POL-00", title="The first administrator"), who, actor=FOUNDING, why=WHY, now=now)
    wording = policy.Wording(
        "system.key == 'portal' && entitlement.key == 'administrator' && request.for_self",
        {"allow_without_human": True},
        "The portal has no administrator yet: the command that founds it names the first.",
    )
    version = policy.draft(rule, wording, actor=FOUNDING, why=WHY, now=now)
    policy.publish(version, effective_from=now, actor=FOUNDING, why=WHY, now=now)
    grant = _leased(who, role, purpose, account, version, now)
    policy.retire(version, actor=FOUNDING, why="It was for the first administrator only", now=now)
    return grant


def _leased(
    who: Identity, role: Entitlement, purpose: Purpose, account: Account, source: PolicyRuleVersion, now: datetime
) -> Grant:
    asking = Asking(identity=who, purpose=purpose, requester=who, term=FIRST_LEASE, assurance=0, now=now)
    verdict = decide(asking, role)
    at_submission = policy.record_decision(
        verdict, phase=Phase.SUBMISSION, subject_kind=source.NOUN, subject_id=source.pk, actor=FOUNDING
    )
    lease = grants.Lease(
        identity=who,
        entitlement=role,
        purpose=purpose,
        owner=who,
        requester=who,
        decision=at_submission,
        source=(source.NOUN, source.pk),
        term=FIRST_LEASE,
        until=None,
    )
    grant = grants.approve(lease, basis=Basis.ADOPTION, actor=FOUNDING, why=WHY, now=now)
    at_activation = policy.record_decision(
        verdict, phase=Phase.ACTIVATION, subject_kind=grant.NOUN, subject_id=grant.pk, actor=FOUNDING
    )
    assignment = _keep(Assignment(account=account, entitlement=role), now)
    end = verdict.latest_end
    return grants.start(grant, assignment, at_activation, latest_end=end, actor=FOUNDING, now=now)
