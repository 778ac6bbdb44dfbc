"""The demonstration, made through the product's own doors: its requests are asked, decided and provisioned for real."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from psycopg import sql

from governance.access.models import Account
from governance.approvals import actions as approvals
from governance.approvals.models import ApprovalStep
from governance.approvals.states import StepState, Verdict
from governance.catalog.models import Entitlement, System
from governance.catalog.states import Risk
from governance.changes import actions as changes
from governance.changes.models import ProposedChange
from governance.connectors import moves as connectors
from governance.core.actor import Actor, Role
from governance.core.locking import locked, unit_of_work
from governance.core.models import Recorded
from governance.core.moves import amend, create, plain
from governance.grants.queries import PORTAL_SYSTEM
from governance.identities.models import Human, Identity, Ownership, Team, TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM
from governance.identities.states import Environment, Kind, OwnerRole, Status
from governance.lifecycle.founding import Founder, found, portal_account
from governance.management.acting import signed_in
from governance.management.demonstration import (
    APART,
    BADGE_WORK,
    BADGES,
    CARE,
    DAY,
    EMERGENCY,
    GLASS,
    GROUPS,
    MACHINES,
    OFFERS,
    PERSONAS,
    PURPOSES,
    Machine,
    Offer,
    Persona,
)
from governance.management.demonstration_scim import GROUPS as IN_GROUPS
from governance.management.demonstration_scim import USERS, prepared
from governance.policy import moves as policy
from governance.purposes.models import Dedication, Justification, Purpose
from governance.purposes.states import PurposeState
from governance.requests import actions as requests
from governance.requests.models import AccessRequest
from governance.requests.rules import Draft
from governance.separation import actions as separation
from governance.separation.moves import SideWording, Wording
from governance.users.models import User

SEED = Actor.system("demonstration")
TARGET = "DEMO_TARGET_DSN"
SCIM_URL, SCIM_TOKEN = "DEMO_TARGET_SCIM_URL", "DEMO_TARGET_SCIM_TOKEN"  # names of variables, no secret

R = TypeVar("R", bound=Recorded)


class Command(BaseCommand):
    """Make the demonstration's organisation; a second call finds it made and changes nothing."""

    help = "Make a small organisation to walk around in (demonstration mode only)."

    def handle(self, **_: Any) -> None:
        """Seed unless it is there. Raises CommandError outside demonstration mode."""
        if not settings.DEMO_MODE:
            raise CommandError("The demonstration is made in DEMO_MODE only.")
        _prepare_target(os.environ[TARGET])
        there = _prepare_application()
        if System.objects.filter(key=PORTAL_SYSTEM).exists():
            return
        first = PERSONAS[0]
        found(Founder(first.username, f"{first.username}@demo.example", first.name, None), now=timezone.now())
        organisation = _Organisation(timezone.now(), there)
        organisation.make()
        organisation.catalogued()  # before anything waits: who changes what a route rests on decides nothing of it
        organisation.live()


def _prepare_target(dsn: str) -> None:
    """The roles and logins of the demonstration's own database server; they hold nothing yet."""
    logins = [*(persona.username for persona in PERSONAS), *(_login(machine) for machine in MACHINES)]
    with psycopg.connect(dsn, autocommit=True) as server:
        there = {row[0] for row in server.execute("SELECT rolname FROM pg_roles")}
        for role in [offer.role for offer in OFFERS if offer.role not in there]:
            server.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
        for login in [login for login in logins if login not in there]:
            server.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login)))


def _prepare_application() -> Mapping[str, Mapping[str, str]] | None:
    """Users and groups of the demonstration's SCIM application, by name; None where there is no application."""
    if not os.environ.get(SCIM_URL):
        return None
    users, groups = [persona.username for persona in PERSONAS], [offer.role for offer in GROUPS]
    return prepared(os.environ[SCIM_URL], os.environ[SCIM_TOKEN], users, groups)


def _login(machine: Machine) -> str:
    return machine.name.replace("-", "_")


class _Organisation:
    """What stands, by the names that the data uses."""

    def __init__(self, now: datetime, application: Mapping[str, Mapping[str, str]] | None) -> None:
        self.now = now
        self.application = application
        self.people: dict[str, Identity] = {}
        self.machines: dict[str, Identity] = {}
        self.offers: dict[str, Entitlement] = {}
        self.purposes: dict[str, Purpose] = {}

    @unit_of_work()
    def make(self) -> None:
        """People, systems, purposes and machine identities."""
        portal = System.objects.get(key=PORTAL_SYSTEM)
        self.people[PERSONAS[0].username] = self._founder(PERSONAS[0])
        policy.install([GLASS], self.people[PERSONAS[0].username], actor=SEED, why="The demonstration", now=self.now)
        for persona in PERSONAS[1:]:
            self.people[persona.username] = self._person(persona)
            portal_account(self.people[persona.username], portal, self.now)
        self._teams()
        database = self._system(
            "payments-db",
            "Payments DB",
            "The payments database, a real PostgreSQL server of its own.",
            "postgres",
            {"dsn_env": TARGET},
            Risk.HIGH,
        )
        for offer in OFFERS:
            does = {"type": "schema", "pattern": "payments.*", "actions": [offer.role.rsplit("_", 1)[-1]]}
            self.offers[offer.role] = self._offer(database, offer, offer.role, [does])
        if self.application is not None:
            self._helpdesk(self.application)
        self._front_desk()
        for reference, name, owner, length, roles in PURPOSES:
            if not self.offers.keys() & set(roles):
                continue
            self.purposes[reference] = self._purpose(reference, name, owner, self.now + length, roles)
        reference, name, owner, length, roles = EMERGENCY
        self._purpose(reference, name, owner, self.now + length, roles, emergency=True)
        for machine in MACHINES:
            self.machines[machine.name] = self._machine(machine)
        self._accounts(database)

    def _keep(self, row: R) -> R:
        return create(row, actor=SEED, why="The demonstration's organisation", now=self.now)

    def _own(self, thing: Recorded, owner: str, backup: str | None = None) -> None:
        for role, name in ((OwnerRole.OWNER, owner), (OwnerRole.BACKUP_OWNER, backup)):
            if name is not None:
                self._keep(
                    Ownership(
                        subject_kind=thing.NOUN,
                        subject_id=thing.pk,
                        role=role,
                        identity=self.people[name],
                        starts_at=self.now,
                    )
                )

    def _founder(self, persona: Persona) -> Identity:
        """Who founded the portal, with what the demonstration knows of them besides."""
        founder = Identity.objects.get(external_key=persona.username)
        held = locked(Identity.objects.all(), founder.pk)
        why = "The demonstration's organisation"
        return amend(
            held, "described", actor=SEED, why=why, now=self.now, title=persona.title, department=persona.department
        )

    def _person(self, persona: Persona) -> Identity:
        email = f"{persona.username}@demo.example"
        identity = Identity(
            kind=Kind.PERSON,
            name=persona.name,
            state=Status.ACTIVE,
            source="demonstration",
            external_key=persona.username,
            human=self._keep(Human(name=persona.name)),
            user=User.objects.create_user(persona.username, email, None, name=persona.name),
            email=email,
            manager=self.people[persona.manager],
            title=persona.title,
            department=persona.department,
        )
        return self._keep(identity)

    def _teams(self) -> None:
        for key, name in ((GOVERNANCE_TEAM, "amara"), (SECURITY_TEAM, "hana")):
            team = Team.objects.get(key=key)
            self._keep(TeamMembership(team=team, identity=self.people[name], starts_at=self.now))

    def _helpdesk(self, application: Mapping[str, Mapping[str, str]]) -> None:
        """The SCIM application, where everybody has an account and nobody is in a group."""
        settings = {"base_url_env": SCIM_URL, "token_env": SCIM_TOKEN, "private_address": True}
        system = self._system(
            "helpdesk", "Helpdesk", "Customers' tickets, a real SCIM 2.0 application.", "scim", settings
        )
        for offer in GROUPS:
            key = application[IN_GROUPS][offer.role]
            self.offers[offer.role] = self._offer(system, offer, key, [{"type": "tickets", "pattern": "*"}])
        for login, native_id in application[USERS].items():
            self._account(system, login, native_id, self.people[login])

    def _front_desk(self) -> None:
        """What no program reaches: people hand badges out, and others confirm it."""
        system = self._system("front-desk", "Front desk", "Badges, kept in a book at the desk.", "manual", BADGE_WORK)
        for offer in BADGES:
            self.offers[offer.role] = self._offer(system, offer, offer.role, [{"type": "room", "pattern": offer.role}])
        for persona in PERSONAS:
            self._account(system, persona.name, persona.username, self.people[persona.username])

    def _system(
        self,
        key: str,
        name: str,
        description: str,
        plugin: str,
        settings: Mapping[str, Any],
        risk: Risk = Risk.MODERATE,
    ) -> System:
        system = System(key=key, name=name, description=description, environment=Environment.PRODUCTION, risk=risk)
        self._keep(system)
        self._own(system, "naomi", "jonas")
        connectors.connect(system, plugin, settings, actor=SEED, why="The demonstration", now=self.now)
        return system

    def _account(self, system: System, login: str, native_id: str, identity: Identity) -> None:
        self._keep(
            Account(system=system, native_id=native_id, login=login, identity=identity, correlated_by="demonstration")
        )

    def _offer(self, system: System, offer: Offer, key: str, permits: list[dict[str, Any]]) -> Entitlement:
        entitlement = Entitlement(
            system=system,
            key=key,
            name=offer.name,
            description=offer.description,
            permits=permits,
            risk=offer.risk,
            privileged=offer.risk in {Risk.HIGH, Risk.CRITICAL},
            longest_lease=offer.longest,
            review_cadence=timedelta(days=90),
            allowed_kinds=list(offer.kinds),
        )
        self._keep(entitlement)
        self._own(entitlement, "amara", "jonas")
        return entitlement

    def _purpose(
        self,
        reference: str,
        name: str,
        owner: str,
        ends_at: datetime,
        roles: tuple[str, ...],
        *,
        emergency: bool = False,
    ) -> Purpose:
        active = PurposeState.ACTIVE
        purpose = Purpose(reference=reference, name=name, state=active, ends_at=ends_at, emergency=emergency)
        self._keep(purpose)
        self._own(purpose, owner)
        for role in roles:
            if role in self.offers:
                self._keep(Justification(purpose=purpose, entitlement=self.offers[role]))
        return purpose

    def _machine(self, machine: Machine) -> Identity:
        identity = Identity(
            kind=machine.kind,
            name=machine.name,
            state=Status.ACTIVE,
            source="demonstration",
            external_key=machine.name,
            environment=machine.environment,
            canonical_identifier=machine.identifier,
            ends_at=self.now + timedelta(days=365),
        )
        self._keep(identity)
        self._own(identity, machine.owner, machine.backup)
        self._keep(Dedication(identity=identity, purpose=self.purposes["P-0102"]))
        return identity

    def _accounts(self, database: System) -> None:
        logins = dict(self.people)
        logins |= {_login(machine): self.machines[machine.name] for machine in MACHINES}
        for login, identity in logins.items():
            self._account(database, login, login, identity)

    def live(self) -> None:
        """A few requests at different stages, asked and decided as their people would."""
        lena, tomas = self.people["lena"], self.people["tomas"]
        ledger = self.machines["svc-ledger-sync"]
        roles = {entitlement.key: entitlement for entitlement in Entitlement.objects.filter(system__key=PORTAL_SYSTEM)}
        running = Purpose.objects.get(reference="P-0001")
        self._leased(self.people["oliver"], None, roles["auditor"], running, "Quarterly audit of access.", 60)
        self._leased(self.people["hana"], None, roles["security"], running, "On watch for this quarter.", 60)
        on_call = self.purposes["P-0102"]
        self._leased(lena, None, self.offers["payments_read"], on_call, "First line for payments this month.", 30)
        report, write = self.offers["payments_report"], self.offers["payments_write"]
        self._ask(lena, None, report, on_call, "Report on the payments that were held back this week.", 14)
        self._ask(lena, ledger, report, on_call, "Copy the daily totals to the ledger each night.", 30)
        returned = self._ask(tomas, None, write, on_call, "Re-send the payments that failed on Friday.", 2)
        self._decide(returned.items.values("pk"), Verdict.RETURN, "Which payments, and how many?")

    def catalogued(self) -> None:
        """A bundle, what is kept apart from it, and a change that waits, proposed and decided as people would."""
        key, name, roles, why = CARE
        held = sorted(f"{one.system.key}/{one.key}" for role, one in self.offers.items() if role in roles)
        if held:
            new = {"key": key, "name": name, "review_at": plain(self.now + 180 * DAY), "entitlements": held}
            new["owner"] = str(self.people["amara"].pk)
            bundle = self._changed("bundle.new", None, "tomas", why, new)
            self._kept_apart(SideWording(frozenset(), frozenset({bundle.subject_id})))
        waits = {"description": "Correct and re-send payments, one at a time."}
        self._propose("entitlement.edit", self.offers["payments_write"].pk, "tomas", "It says too little.", waits)

    def _kept_apart(self, side: SideWording) -> None:
        """A rule of separation in force, drafted by who runs the portal and put in force by security."""
        key, title, reason, why = APART
        write = SideWording(frozenset({self.offers["payments_write"].pk}))
        version = separation.create_rule(
            key=key,
            title=title,
            owner_id=self.people["hana"].pk,
            wording=Wording(write, side, Risk.HIGH, reason),
            actor=signed_in(self.people["naomi"], Role.ADMINISTRATOR),
            why=why,
            now=timezone.now(),
        )
        self._changed("separation_rule.publish", version.pk, "naomi", why, {}, Role.ADMINISTRATOR)

    def _propose(
        self, kind: str, subject: UUID | None, who: str, why: str, payload: Mapping[str, Any], *roles: Role
    ) -> ProposedChange:
        return changes.propose(
            kind=kind,
            subject_id=subject,
            payload=payload,
            reason=why,
            token=uuid4(),
            actor=signed_in(self.people[who], *roles),
            now=timezone.now(),
        )

    def _changed(
        self, kind: str, subject: UUID | None, who: str, why: str, payload: Mapping[str, Any], *roles: Role
    ) -> ProposedChange:
        change = self._propose(kind, subject, who, why, payload, *roles)
        while self._decide([change.pk], Verdict.APPROVE, "Agreed."):
            pass
        return change

    def _ask(
        self, who: Identity, whom: Identity | None, what: Entitlement, why: Purpose, because: str, days: int
    ) -> AccessRequest:
        draft = Draft(
            beneficiary_id=(whom or who).pk,
            entitlement_ids=(what.pk,),
            purpose_id=why.pk,
            justification=because,
            term=timedelta(days=days),
            until=None,
            form_token=uuid4(),
        )
        return requests.submit(draft=draft, actor=signed_in(who), now=timezone.now())

    def _leased(
        self, who: Identity, whom: Identity | None, what: Entitlement, why: Purpose, because: str, days: int
    ) -> None:
        request = self._ask(who, whom, what, why, because, days)
        while self._decide(request.items.values("pk"), Verdict.APPROVE, "Fits the work."):
            pass

    def _decide(self, subjects: Any, verdict: Verdict, reason: str) -> bool:
        """Decide an open step about the subjects as the first of those it asks; False when no step is open."""
        step = ApprovalStep.objects.filter(route__subject_id__in=subjects, state=StepState.OPEN).first()
        if step is None:
            return False
        asked = step.approvers.filter(ends_at__isnull=True).select_related("identity").order_by("identity__name")[0]
        by, now = signed_in(asked.identity), timezone.now()
        approvals.decide(step_id=step.pk, verdict=verdict, reason=reason, actor=by, now=now)
        return True
