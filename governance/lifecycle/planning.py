"""What a file would change of the people who are known: whom it creates, changes and ends, and what it can't. Pure.

The plan is made anew whenever it is needed: applied a second time, a file finds nothing left to do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from governance.core.ids import new_id
from governance.identities.states import MACHINE_KINDS, MOVES, Kind, Status
from governance.lifecycle.reading import Fault, Line, Reading
from governance.lifecycle.reporting_lines import depths, in_circles
from governance.lifecycle.rules import folded

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """An identity as the portal knows it now."""

    id: UUID
    source: str
    key: str
    name: str
    email: str
    kind: str
    state: str
    title: str
    department: str
    manager_id: UUID | None
    human_id: UUID | None
    ends_at: datetime | None

    def acts(self, now: datetime) -> bool:
        """Whether they are active, and their last day has not passed."""
        return self.state == Status.ACTIVE and (self.ends_at is None or self.ends_at > now)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the source settles for everybody: whether the missing have left, and what an external needs besides.

    `externals_have_a_purpose` is whether the source's purpose for them is active. `external_term` is how long an
    external stays whose last day is not stated, None when it must be.
    """

    source: str
    absent_have_left: bool
    externals_have_a_purpose: bool
    external_term: timedelta | None
    sponsor_id: UUID | None


@dataclass(frozen=True, slots=True)
class Joiner:
    """Somebody to create; an external with a sponsor."""

    id: UUID
    line: Line
    kind: Kind
    state: Status
    ends_at: datetime | None
    manager_id: UUID | None
    sponsor_id: UUID | None
    human_id: UUID | None

    @property
    def row(self) -> int:
        """Where in the file they stand."""
        return self.line.row

    @property
    def name(self) -> str:
        """What they are called."""
        return self.line.name


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody whose fields or state change. `states` are the moves in turn, from the state that they `were` in."""

    id: UUID
    row: int
    name: str
    were: str
    changes: Mapping[str, Any]
    states: Sequence[Status]
    ends_sooner: bool


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who ends. Without a row they are missing from the file."""

    id: UUID
    name: str
    row: int | None

    @property
    def why(self) -> str:
        """The reason that goes into the record."""
        return "has left" if self.row else "is in the feed no more"


@dataclass(slots=True)
class Plan:
    """Everything a file would do. `standing` are those of the source who have not ended, `missing` those not in it."""

    standing: int = 0
    missing: int = 0
    unchanged: int = 0
    repeated: int = 0
    joiners: list[Joiner] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)
    leavers: list[Leaver] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unsure: bool = False

    @property
    def ending(self) -> int:
        """How many are given a last day, or a nearer one: they end without another file."""
        return sum(mover.ends_sooner for mover in self.movers)

    @property
    def ends(self) -> int:
        """How many end, at once or later."""
        return len(self.leavers) + self.ending

    def shrinks_beyond(self, percent: int) -> bool:
        """Whether more than the share of those who stand would end, at once or later, or are missing."""
        return max(self.ends, self.missing) * 100 > percent * self.standing


class _CantChange(Exception):
    """Why a row changes nothing."""


def plan(reading: Reading, known: Iterable[Known], terms: Terms, *, now: datetime) -> Plan:
    """Hold the file against those who are known; `known` may include people of other sources, named by address."""
    return _Planner(reading, list(known), terms, now).plan()


class _Planner:
    def __init__(self, reading: Reading, known: list[Known], terms: Terms, now: datetime) -> None:
        self.reading, self.known, self.terms, self.now = reading, known, terms, now
        self.own = {one.key: one for one in known if one.source == terms.source}
        self.ids = {line.key: _id_of(line, self.own) for line in reading.lines}
        self.known_by_address: dict[str, list[Known]] = {}
        for one in known:
            if one.email:
                self.known_by_address.setdefault(folded(one.email), []).append(one)
        self.line_by_address = {folded(line.email): line for line in reading.lines if line.email}
        self.leaving = [line for line in reading.lines if self._leaves(line)]
        self.staying = [line for line in reading.lines if not self._leaves(line)]
        standing = [one for one in self.own.values() if one.state != Status.ENDED and one.kind not in MACHINE_KINDS]
        self.standing, self.missing = len(standing), [one for one in standing if one.key not in reading.keys]
        self.unsure = bool(terms.absent_have_left and self.missing and reading.doubtful)
        self.sponsors = self._sponsors()
        self.refused: dict[str, str] = {}

    def plan(self) -> Plan:
        found = Plan(
            standing=self.standing,
            missing=len(self.missing),
            repeated=self.reading.repeated,
            leavers=self._leavers(),
            faults=list(self.reading.faults),
            unsure=self.unsure,
        )
        self._refuse()
        for line in self._chiefs_first():
            if line.key in self.refused:
                found.faults.append(Fault(line.row, line.key, self.refused[line.key]))
            else:
                self._put(line, found)
        found.faults.sort(key=lambda fault: fault.row)
        return found

    def _chiefs_first(self) -> list[Line]:
        depth = depths({self.ids[line.key]: self._manager_or_none(line) for line in self.staying})
        return sorted(self.staying, key=lambda line: (depth[self.ids[line.key]], line.row))

    def _leaves(self, line: Line) -> bool:
        """Whether it ends somebody: that needs no more than their key, whatever else the row says of them."""
        known = self.own.get(line.key)
        stands = known is not None and known.kind not in MACHINE_KINDS and known.state != Status.ENDED
        return stands and _status_at(line, self.now) == Status.ENDED

    def _leavers(self) -> list[Leaver]:
        """Who leaves by their row, and who is missing; a row with a doubtful key may be any of these: then none is."""
        leaving = [Leaver(self.own[line.key].id, self.own[line.key].name, line.row) for line in self.leaving]
        return leaving + [Leaver(one.id, one.name, None) for one in self._absent()]

    def _absent(self) -> list[Known]:
        return self.missing if self.terms.absent_have_left and not self.unsure else []

    def _sponsors(self) -> set[UUID]:
        """Who is an active person once the file is applied: only they answer for an external."""
        found = {one.id for one in self.known if one.kind == Kind.PERSON and one.acts(self.now)}
        found |= {self.terms.sponsor_id} if self.terms.sponsor_id else set()
        found -= {self.ids[line.key] for line in self.reading.lines} | {one.id for one in self._absent()}
        return found | {self.ids[line.key] for line in self.staying if self._will_be_an_active_person(line)}

    def _will_be_an_active_person(self, line: Line) -> bool:
        known = self.own.get(line.key)
        kind = known.kind if known else line.kind or Kind.PERSON
        stays = known is not None and known.state in {Status.SUSPENDED, Status.ENDED}
        return kind == Kind.PERSON and not stays and _status_at(line, self.now) == Status.ACTIVE

    # --- managers -----------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        """Refuse the rows that can't be: by themselves, or because their manager is unknown, in a circle, or refused.

        Who is known and refused keeps the manager they have, and that may close another circle.
        """
        for line in self.staying:
            try:
                self._check_itself(line)
                self._check_manager(line)
            except _CantChange as reason:
                self.refused[line.key] = str(reason)
        before = -1
        while len(self.refused) > before:
            before = len(self.refused)
            self._refuse_circles()
            self._refuse_reports_of_the_refused()

    def _refuse_circles(self) -> None:
        """Who manages whom, as it would be, must lead to somebody without a manager."""
        above = {one.id: one.manager_id for one in self.known}
        lines = {self.ids[line.key]: line for line in self.staying if line.key not in self.refused}
        above |= {pk: self._manager_or_none(line) for pk, line in lines.items() if line.manager is not None}
        for pk in in_circles(above):
            if pk in lines:
                self.refused[lines[pk].key] = "Following the managers from here leads back here."

    def _refuse_reports_of_the_refused(self) -> None:
        """A manager who is new and refused does not come to be: nor do those who need them."""
        reports: dict[UUID, list[Line]] = {}
        for line in self.staying:
            for person in self._needed(line):
                reports.setdefault(person, []).append(line)
        rows = {line.key: line for line in self.staying}
        waiting = [rows[key] for key in self.refused if key not in self.own]
        while waiting:
            gone = waiting.pop()
            for line in reports.get(self.ids[gone.key], []):
                if line.key not in self.refused:
                    self.refused[line.key] = f"It needs {gone.name}, whose row {gone.row} is refused."
                    waiting += [line] if line.key not in self.own else []

    def _check_itself(self, line: Line) -> None:
        known = self.own.get(line.key)
        if known is not None and known.kind in MACHINE_KINDS:
            raise _CantChange("The key belongs to a machine identity.")
        if known is None or line.email is None or folded(line.email) != folded(known.email):
            self._check_address(line)
        if known is not None:
            self._check_known(line, known)
        elif self._comes_as_an_external(line):
            self._check_external(line)

    def _check_manager(self, line: Line) -> None:
        if self._person(line.manager, "manager") == self.ids[line.key]:
            raise _CantChange("Somebody can't be their own manager.")

    def _check_address(self, line: Line) -> None:
        for other in self.known_by_address.get(folded(line.email or ""), []):
            if other.source == self.terms.source and other.key != line.key and other.state != Status.ENDED:
                msg = f"The e-mail address {line.email} belongs to {other.name}, {other.key}."
                raise _CantChange(msg)

    def _check_external(self, line: Line) -> None:
        if not self.terms.externals_have_a_purpose:
            raise _CantChange("An external needs a purpose, and the source names no active one.")
        if not line.ends_on and not self.terms.external_term:
            raise _CantChange("An external needs a last day, and the source gives no term.")
        if self._sponsor(line) is None:
            raise _CantChange("An external needs a sponsor: an active person.")

    def _check_known(self, line: Line, known: Known) -> None:
        if line.kind is not None and line.kind != known.kind:
            msg = f"{known.name} is {Kind(known.kind).label.lower()}: a feed can't change what an identity is."
            raise _CantChange(msg)
        _path(line, known, self.now)

    def _person(self, said: str | None, role: str) -> UUID | None:
        """Whom a cell names, by key or by address, in the file or before it."""
        if not said:
            return None
        if said in self.ids:
            return self.ids[said]
        if said in self.own:
            return self.own[said].id
        if folded(said) in self.line_by_address:
            return self.ids[self.line_by_address[folded(said)].key]
        people = [one for one in self.known_by_address.get(folded(said), []) if one.kind not in MACHINE_KINDS]
        own = [one for one in people if one.source == self.terms.source] or people
        standing = [one for one in own if one.state != Status.ENDED] or own
        if len(standing) == 1:
            return standing[0].id
        msg = f"The {role} {said} is {'not one person alone' if standing else 'unknown'}."
        raise _CantChange(msg)

    def _manager_or_none(self, line: Line) -> UUID | None:
        try:
            return self._person(line.manager, "manager")
        except _CantChange:
            return None

    def _sponsor(self, line: Line) -> UUID | None:
        """Whom the row names, else the manager, else the owner of the source: the first who can be."""
        named = self._person(line.sponsor, "sponsor")
        if named is not None and named not in self.sponsors:
            msg = f"The sponsor {line.sponsor} is no active person."
            raise _CantChange(msg)
        near = [named, self._manager_or_none(line), self.terms.sponsor_id]
        return next((pk for pk in near if pk in self.sponsors), None)

    def _needed(self, line: Line) -> set[UUID]:
        """Whom the row can't do without: the manager, and the sponsor of a new external."""
        sponsored = line.key not in self.refused and self._comes_as_an_external(line)
        return {pk for pk in (self._manager_or_none(line), self._sponsor(line) if sponsored else None) if pk}

    def _comes_as_an_external(self, line: Line) -> bool:
        """Whether it creates one, who needs a sponsor, a purpose and an end. Who has left already needs none of it."""
        new = line.key not in self.own and line.kind == Kind.EXTERNAL
        return new and _status_at(line, self.now) != Status.ENDED

    # --- people -------------------------------------------------------------------------------------------------------

    def _put(self, line: Line, found: Plan) -> None:
        known = self.own.get(line.key)
        if known is None:
            found.joiners.append(self._joiner(line))
            return
        states = _path(line, known, self.now)
        changes = {} if known.state == Status.ENDED else self._changes(line, known)
        if changes or states:
            sooner = "ends_at" in changes and _is_sooner(changes["ends_at"], known.ends_at)
            found.movers.append(Mover(known.id, line.row, known.name, known.state, changes, states, sooner))
        else:
            found.unchanged += 1

    def _joiner(self, line: Line) -> Joiner:
        kind, state = line.kind or Kind.PERSON, _status_at(line, self.now)
        ends_at = _end(line.ends_on)
        if kind == Kind.EXTERNAL and ends_at is None and self.terms.external_term:
            ends_at = _end((self.now + self.terms.external_term).date())
        if state == Status.ENDED:
            ends_at = min(self.now, ends_at or self.now)
        human = {one.human_id for one in self.known_by_address.get(folded(line.email or ""), [])} - {None}
        return Joiner(
            id=self.ids[line.key],
            line=line,
            kind=kind,
            state=state,
            ends_at=ends_at,
            manager_id=self._person(line.manager, "manager"),
            sponsor_id=self._sponsor(line) if self._comes_as_an_external(line) else None,
            human_id=human.pop() if len(human) == 1 else None,
        )

    def _changes(self, line: Line, known: Known) -> dict[str, Any]:
        said: dict[str, Any] = {"name": line.name}
        said |= {
            name: getattr(line, name) for name in ("email", "title", "department") if getattr(line, name) is not None
        }
        if line.manager is not None:
            said["manager_id"] = self._person(line.manager, "manager")
        if self.reading.dated and (line.ends_on or known.kind == Kind.PERSON):
            said["ends_at"] = _end(line.ends_on)
        return {name: value for name, value in said.items() if getattr(known, name) != value}


def _id_of(line: Line, own: Mapping[str, Known]) -> UUID:
    known = own.get(line.key)
    return known.id if known else new_id()


def _end(last_day: date | None) -> datetime | None:
    """The moment after a last day, in UTC."""
    return datetime.combine(last_day + DAY, time(), UTC) if last_day else None


def _is_sooner(end: datetime | None, known: datetime | None) -> bool:
    return end is not None and (known is None or end < known)


def _status_at(line: Line, now: datetime) -> Status:
    """What the line means at the moment: a last day to come keeps duties until then."""
    end = _end(line.ends_on)
    if end and end <= now:
        return Status.ENDED
    if line.status == Status.ENDED:
        return Status.ACTIVE if end else Status.ENDED
    if line.status == Status.ACTIVE and line.starts_on and line.starts_on > now.date():
        return Status.EXPECTED
    return line.status


def _path(line: Line, known: Known, now: datetime) -> list[Status]:
    """The moves from what somebody is to what the line means, short of their end. No feed lifts a suspension."""
    to = _status_at(line, now)
    if known.state in {to, Status.SUSPENDED}:
        return []
    if line.status == Status.ENDED and to == Status.ACTIVE:
        return []
    if known.state == Status.ENDED:
        msg = f"{known.name} has ended. Who comes back gets a key of their own."
        raise _CantChange(msg)
    legal = MOVES.get(known.state, frozenset())
    if to in legal:
        return [to]
    if Status.ACTIVE in legal and to in MOVES[Status.ACTIVE]:
        return [Status.ACTIVE, to]
    msg = f"{known.name} is {Status(known.state).label.lower()} already and can't become {to.label.lower()} again."
    raise _CantChange(msg)
