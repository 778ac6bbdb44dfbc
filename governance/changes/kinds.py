"""What can be proposed. Each kind says how a change is checked, shown, decided and carried out; the wiring has all."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from governance.approvals.moves import StepPlan
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Invalid
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.identities.models import Identity


def said(value: Any) -> str:
    """A plain value in words."""
    match value:
        case None | "" | []:
            return "–"
        case bool():
            return "Yes" if value else "No"
        case list():
            return ", ".join(str(one) for one in value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a change: what people call it, and how its plain value reads."""

    label: str
    words: Callable[[Any], str] = said


@dataclass(frozen=True, slots=True)
class Difference:
    """One field as it was and as it is to be, in words."""

    name: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Proposing:
    """Who proposes, why and when."""

    proposer: Identity
    actor: Actor
    reason: str
    now: datetime


class ChangeKind(ABC):
    """One kind of change. `name` is stored with each; every method but `lock` is called with the subject held.

    `title` completes "C-1001: …". Nothing here opens a transaction or decides who may vote: approvals does.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    subject_kind: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    several: ClassVar[bool] = False
    """Whether more than one may wait for a decision on the same subject."""

    @abstractmethod
    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Governed:
        """The thing that the actor wants to change. Raises NotFound for strangers, Denied, Conflict."""

    @abstractmethod
    def lock(self, subject_id: UUID) -> None:
        """Hold the subject, and all that carrying it out touches and ranks before identities (`core.locking`)."""

    @abstractmethod
    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Every field's plain value as it is now."""

    @abstractmethod
    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """The payload as it is kept, plain JSON. Raises Invalid with what is wrong at each field."""

    @abstractmethod
    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """Who must approve. The proposer, and every identity of theirs, is never asked."""

    @abstractmethod
    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Carry it out by moves. Raises Invalid or Conflict if it can't be; what was done by then is undone."""

    def completed(self, payload: Mapping[str, Any], by: Proposing) -> Mapping[str, Any]:
        """The payload of a change of something that is there, with what goes without saying. Raises Invalid."""
        return payload

    def create(self, payload: Mapping[str, Any], by: Proposing) -> Governed:
        """Make the thing that is proposed, where a kind proposes new ones. Raises Invalid."""
        raise Invalid({"subject_id": "Say what is to be changed."})

    def people(self, payload: Mapping[str, Any]) -> frozenset[UUID]:
        """Identities that it names, held with the proposer so that none of them ends meanwhile."""
        try:
            return frozenset({UUID(str(payload["owner"]))})
        except (KeyError, ValueError):
            return frozenset()

    def lock_rest(self, change: ProposedChange) -> None:
        """Hold what carrying it out touches that ranks after identities, and the change among it."""
        locked_all(ProposedChange.objects.filter(pk=change.pk))

    def refused(  # noqa: B027 - most kinds propose to change what stands: there is nothing to do
        self, change: ProposedChange, *, actor: Actor, why: str, now: datetime
    ) -> None:
        """What becomes of the subject when the change is rejected, withdrawn, expired or has failed."""

    def parties(self, change: ProposedChange, now: datetime) -> frozenset[UUID]:
        """Identities that must not decide, besides the proposer's."""
        return frozenset()

    def is_sensitive(self, change: ProposedChange) -> bool:
        """Whether a yes asks for a fresh sign-in with a second factor."""
        return False

    def differences(self, before: Mapping[str, Any], payload: Mapping[str, Any]) -> Iterator[Difference]:
        """What would change, field by field in the kind's own order."""
        for name, field in self.fields.items():
            if name in payload:
                old = field.words(before[name]) if name in before else ""
                yield Difference(name, field.label, old, field.words(payload[name]))


RETIRED: Final = "retired"


class Retirement(ChangeKind):
    """The end of something, of which nothing else is to be said."""

    model: ClassVar[Any]
    fields = {"state": Field("State", lambda value: str(value).capitalize())}

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Its state."""
        return {"state": self.model.objects.values_list("state", flat=True).get(pk=subject_id)}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """There is one thing that it can become."""
        if payload.get("state", RETIRED) != RETIRED:
            raise Invalid({"state": "It is retired, and nothing else."})
        return {"state": RETIRED}


def changed(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What of the wanted is not so already. Raises Invalid when that is nothing."""
    found = {name: value for name, value in wanted.items() if current.get(name) != value}
    if not found:
        raise Invalid({"payload": "Nothing would change."})
    return found


_kinds: dict[str, ChangeKind] = {}


def connect(*kinds: ChangeKind) -> None:
    """Name what can be proposed. Called by the wiring."""
    _kinds.update({kind.name: kind for kind in kinds})


def kind_of(name: str) -> ChangeKind:
    """The kind. Raises KeyError when the wiring does not know it."""
    return _kinds[name]


def known() -> Mapping[str, ChangeKind]:
    """All kinds by name."""
    return dict(_kinds)
