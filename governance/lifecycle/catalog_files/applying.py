"""Applying files, all of it or nothing, in one transaction and through the moves that pages end in as well.

Nothing is asked of owners here: who reviewed the files has said yes where they are kept. So only an administrator
applies them, the act says who did, and each thing says from then on which file it is managed from.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from governance.catalog import bundles, managed
from governance.catalog import moves as catalog
from governance.catalog.models import Bundle, CatalogApplication, Entitlement, FileManagement, System
from governance.catalog.states import BundleState
from governance.changes import purposes as purpose_changes
from governance.changes.bundles import require_apart
from governance.connectors import moves as connectors
from governance.core.actor import Actor
from governance.core.errors import Conflict, DomainError, Invalid
from governance.core.locking import locked_all, take_turns, unit_of_work
from governance.core.models import Governed
from governance.core.moves import create, move
from governance.core.wake import after_commit
from governance.grants import moves as grants
from governance.grants.models import Grant
from governance.grants.states import OVER
from governance.identities.models import Identity, Ownership, Team, TeamMembership
from governance.identities.moves import answer_for, pass_on
from governance.identities.queries import accountable_owner, owners_of
from governance.identities.states import OwnerRole
from governance.lifecycle import permissions, retirement
from governance.lifecycle.catalog_files import owning
from governance.lifecycle.catalog_files.checking import plain
from governance.lifecycle.catalog_files.entries import OWNERS, Address, Entry, Problem
from governance.lifecycle.catalog_files.planning import Change, Plan, Verb, plan
from governance.lifecycle.catalog_files.reading import Files
from governance.purposes import moves as purposes
from governance.purposes.models import Justification, Purpose
from governance.purposes.queries import hold_numbering
from governance.separation.moves import SCAN
from governance.separation.queries import MAP

APPLYING: Final = Actor.system("catalog files")
MODELS: Final[Mapping[str, type[Any]]] = {one.NOUN: one for one in (System, Entitlement, Bundle, Purpose)}


class Refused(DomainError):
    """Files that can't be applied, with everything that is wrong with them."""

    code = "catalog_refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@unit_of_work()
def apply(*, files: Files, actor: Actor, reason: str, now: datetime) -> Plan:
    """Have the catalog be as the files say, and answer what became otherwise. A second time nothing does.

    Raises Denied for all but administrators, Refused with everything that is wrong, Conflict where the catalog
    changes meanwhile.
    """
    by_id = permissions.require_catalog(actor)
    take_turns("catalog files")
    seen = _sound(plan(files, now))
    if seen.is_idle:
        return seen
    if any(one.address.kind == Bundle.NOUN for one in seen.changes):
        take_turns(MAP)  # what bundles hold may be what rules of separation keep apart
        after_commit(SCAN)
    _lock(seen, owning.named((one.entry for one in seen.changes), now), actor)
    found = _sound(plan(files, now))
    if found != seen:
        raise Conflict("The catalog has changed meanwhile. Apply the files again.")
    _Applying(found, files, actor, by_id, reason, now).all()
    return found


def _sound(found: Plan) -> Plan:
    if found.problems:
        raise Refused(found.problems)
    return found


def _lock(found: Plan, owners: owning.Named, actor: Actor) -> None:
    """Hold all that is to change, and who is to answer for it, in the one order."""
    touched = [one.address for one in found.changes if one.verb != Verb.CREATE]
    ids = {kind: [found.there.ids[one] for one in touched if one.kind == kind] for kind in MODELS}
    locked_all(System.objects.filter(pk__in=ids[System.NOUN]))
    locked_all(Purpose.objects.filter(pk__in=ids[Purpose.NOUN]))
    locked_all(Justification.objects.filter(purpose__in=ids[Purpose.NOUN], ended_at__isnull=True))
    locked_all(Entitlement.objects.filter(pk__in=ids[Entitlement.NOUN]))
    locked_all(Bundle.objects.filter(pk__in=ids[Bundle.NOUN]))
    locked_all(FileManagement.objects.filter(pk__in=[mark.pk for mark in found.there.marks.values()]))
    holders = [one for one in owners.values() if not isinstance(one, str)]
    teams = locked_all(Team.objects.filter(pk__in=[one.pk for one in holders if isinstance(one, Team)]), share=True)
    members = TeamMembership.objects.filter(team__in=teams, ends_at__isnull=True).values_list("identity", flat=True)
    people = {one.pk for one in holders if isinstance(one, Identity)} | set(members) | actor.identity_ids
    locked_all(Identity.objects.filter(pk__in=people), share=True)
    locked_all(Ownership.objects.filter(subject_id__in=[pk for some in ids.values() for pk in some]))
    retirement.lock_resting(ids[Purpose.NOUN])
    hold_numbering()
    bundles.hold()


@dataclass(slots=True)
class _Applying:
    """One plan, under its locks."""

    plan: Plan
    files: Files
    actor: Actor
    by_id: UUID
    reason: str
    now: datetime

    def all(self) -> None:
        """In the order in which one thing rests on another, and what ends in the other."""
        application = self.application()
        for kind in (System.NOUN, Entitlement.NOUN):
            self.each(Verb.CREATE, self.plan.of(Verb.CREATE, kind))
            self.each(Verb.CHANGE, self.plan.of(Verb.CHANGE, kind))
        self.bundles()
        self.each(Verb.CREATE, self.plan.of(Verb.CREATE, Purpose.NOUN))
        self.each(Verb.CHANGE, self.plan.of(Verb.CHANGE, Purpose.NOUN))
        self.retire()
        self.manage(application)

    @property
    def by(self) -> dict[str, Any]:
        """On whose behalf each of it is done, why and when."""
        why = f"{self.reason} (files applied by {self.actor.label}, owners not asked)"
        return {"actor": APPLYING, "why": why, "now": self.now}

    def application(self) -> CatalogApplication:
        counts = {str(verb): sum(one.verb == verb for one in self.plan.changes) for verb in Verb}
        counts |= {"managed": len(self.files.entries)}
        made = CatalogApplication(
            by_id=self.by_id,
            applied_at=self.now,
            digest=self.files.digest,
            counts=counts,
        )
        return create(made, actor=self.actor, why=self.reason, now=self.now)

    def each(self, verb: Verb, changes: Sequence[Change]) -> None:
        for one in changes:
            with _located(one.entry):
                if verb == Verb.CREATE:
                    self.create(one.entry)
                else:
                    self.change(one)

    def bundles(self) -> None:
        """Those that are included before those that include them."""
        wanted = {one.address.key: one for one in self.plan.changes if one.address.kind == Bundle.NOUN}
        wanted = {key: one for key, one in wanted.items() if one.verb != Verb.RETIRE}
        for key in _included_first(wanted):
            self.each(wanted[key].verb, [wanted[key]])

    def create(self, entry: Entry) -> None:
        """Make it, active, with who answers for it."""
        values, key, owner = plain(entry.values), entry.address.key, self.holder(entry, "owner")
        assert owner is not None  # noqa: S101 - the plan was refused otherwise
        thing = self.made(entry, key, values, owner)
        if backup := self.holder(entry, "backup_owner"):
            answer_for(thing, backup, role=OwnerRole.BACKUP_OWNER, **self.by)
        self.plan.there.ids[entry.address] = thing.pk

    def made(self, entry: Entry, key: str, values: Mapping[str, Any], owner: Identity | Team) -> Governed:
        if entry.address.kind == System.NOUN:
            system = catalog.add_system(key, values, owner, **self.by)
            reached = entry.values["connector"]
            connectors.connect(system, reached["plugin"], reached["settings"], **self.by)
            return system
        if entry.address.kind == Entitlement.NOUN:
            system_key, _, own_key = key.partition("/")
            system = System.objects.get(key=system_key)
            return catalog.add_entitlement(system, own_key, values, owner, **self.by)
        if entry.address.kind == Bundle.NOUN:
            return bundles.activate(bundles.propose(key, values, _parts(values), owner, **self.by), **self.by)
        emergency = entry.values["emergency"]
        purpose = purposes.propose(values, owner, reference=key, emergency=emergency, **self.by)
        return purposes.activate(purpose, **self.by)

    def change(self, one: Change) -> None:
        """Give it what differs, and others who answer for it."""
        names = {difference.field for difference in one.differences} - set(OWNERS)
        values = plain({name: one.entry.values[name] for name in names})
        thing = self.standing(one.address)
        if values:
            self.edit(thing, one.entry, values)
        for name in OWNERS:
            if name in {difference.field for difference in one.differences}:
                self.pass_on(thing, one.entry, OwnerRole(name))

    def edit(self, thing: Any, entry: Entry, values: Mapping[str, Any]) -> None:
        if isinstance(thing, System):
            catalog.edit_system(thing, values, **self.by)
        elif isinstance(thing, Entitlement):
            catalog.edit_entitlement(thing, values, **self.by)
        elif isinstance(thing, Bundle):
            whole = plain(entry.values)
            parts = _parts(whole)
            require_apart(thing.pk, parts)
            bundles.edit(thing, whole, parts, **self.by)
        else:
            purpose_changes.edit(thing, values, **self.by)

    def pass_on(self, thing: Governed, entry: Entry, role: OwnerRole) -> None:
        """Leases on a purpose are answered for by whoever comes to answer for it."""
        before = owners_of(thing.NOUN, thing.pk, self.now)
        pass_on(thing, self.holder(entry, role), role, **self.by)
        owner = accountable_owner(thing.NOUN, thing.pk, self.now)
        if isinstance(thing, Purpose) and role == OwnerRole.OWNER and owner is not None:
            leases = Grant.objects.filter(purpose=thing, accountable_owner__in=before).exclude(state__in=OVER)
            for grant in leases.exclude(accountable_owner=owner).order_by("pk"):
                grants.repoint(grant, owner, **self.by)

    def retire(self) -> None:
        """Leases first: what they are of is retired after them."""
        ending = {kind: [self.standing(one.address) for one in self.plan.of(Verb.RETIRE, kind)] for kind in MODELS}
        if ending[Purpose.NOUN]:
            retirement.retire(*ending[Purpose.NOUN], **self.by)
        for bundle in ending[Bundle.NOUN]:
            move(bundle, BundleState.RETIRED, **self.by)
        for thing in [*ending[Entitlement.NOUN], *ending[System.NOUN]]:
            catalog.retire(thing, **self.by)

    def manage(self, application: CatalogApplication) -> None:
        """Keep what each file says of which thing, and let go of what no file says any more."""
        there = self.plan.there
        for entry in self.plan.says:
            known = there.marks.get(entry.address)
            if known is None:
                thing = (entry.address.kind, there.ids[entry.address])
                managed.manage(thing, (entry.file, entry.values), application, **self.by)
            else:
                managed.say(known, entry.file, entry.values, application, **self.by)
        gone = [one.address for one in self.plan.changes if one.verb == Verb.RETIRE]
        for address in [*gone, *self.plan.released]:
            managed.release(there.marks[address], **self.by)

    def standing(self, address: Address) -> Any:
        return MODELS[address.kind].objects.get(pk=self.plan.there.ids[address])

    def holder(self, entry: Entry, name: str) -> Identity | Team | None:
        """Whom the entry names. Raises Refused with the line if it is nobody by now."""
        said = entry.values[name]
        if said is None:
            return None
        found = owning.named([entry], self.now)[owning.named_by(said)]
        if isinstance(found, str):
            raise Refused([entry.problem(name, found)])
        return found


def _parts(values: Mapping[str, Any]) -> bundles.Parts:
    held = purposes.entitlements_by_key(values["entitlements"])
    return bundles.Parts(list(held.values()), list(bundles.by_key(values["bundles"]).values()))


def _included_first(wanted: Mapping[str, Change]) -> list[str]:
    """The keys, each after those that it includes. There is no circle among them."""
    order: dict[str, None] = {}

    def put(key: str) -> None:
        for included in wanted[key].entry.values["bundles"]:
            if included in wanted and included not in order:
                put(included)
        order[key] = None

    for key in sorted(wanted):
        if key not in order:
            put(key)
    return list(order)


@contextmanager
def _located(entry: Entry) -> Iterator[None]:
    """Whatever is refused on the way, with its file and line."""
    try:
        yield
    except Invalid as refusal:
        raise Refused(
            [entry.problem(name.removesuffix("_seconds"), text) for name, text in refusal.fields.items()]
        ) from refusal
    except Conflict as refusal:
        raise Refused([entry.problem("", refusal.message)]) from refusal
