"""What changes of a version of a rule have in common: the rule's owner decides, and nobody who wrote it."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet

from governance.approvals.moves import StepPlan
from governance.changes.kinds import ChangeKind, Field, Proposing
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import plain
from governance.policy.states import StepKind
from governance.policy.words import minute

AT_ONCE = ""
"""Instead of a moment: when the last yes is given."""

NO_END = "no end"


def moment_in_words(value: str) -> str:
    """A moment of a change; without one it is that of the last yes."""
    return minute(datetime.fromisoformat(value)) if value else "When it is approved"


class OfVersion(ChangeKind):
    """A change of one version. Only administrators propose, and the owner of the rule decides."""

    rules: ClassVar[Any]
    versions: ClassVar[Any]

    @abstractmethod
    def visible(self, actor: Actor, now: datetime) -> "QuerySet[Any]":
        """The versions that the actor may see."""

    @abstractmethod
    def permit(self, actor: Actor) -> None:
        """Raise Denied unless the actor may propose it of what they see."""

    @abstractmethod
    def require(self, version: Any, now: datetime) -> None:
        """Raise Conflict where the version is past this."""

    @abstractmethod
    def writers(self, version_id: UUID) -> Iterable[UUID]:
        """Whoever wrote the version, by their identities."""

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Governed:
        """For administrators; strangers find no such version."""
        version: Governed | None = self.visible(actor, now).select_related("rule").filter(pk=subject_id).first()
        if version is None:
            raise NotFound
        self.permit(actor)
        self.require(version, now)
        return version

    def lock(self, subject_id: UUID) -> None:
        """The rule with all its versions: putting one in force ends another."""
        for rule in locked_all(self.rules.objects.filter(versions=subject_id)):
            locked_all(rule.versions.all())

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """Whoever answers for the rule."""
        rule = self.rules.objects.get(versions=subject.pk)
        return [StepPlan(StepKind.OWNER, rule.NOUN, rule.pk, f"{rule.key} {rule.title}"[:300])]

    def parties(self, change: ProposedChange, now: datetime) -> frozenset[UUID]:
        """Whoever wrote the version."""
        return frozenset(self.writers(change.subject_id))

    def is_sensitive(self, change: ProposedChange) -> bool:
        """Always: it decides about everybody's access."""
        return True

    def held(self, pk: UUID) -> Any:
        """The version that a change is about."""
        return self.versions.objects.select_related("rule").get(pk=pk)


class Retiring(OfVersion):
    """Ending a version that is in force, at the last yes."""

    fields = {
        "effective_until": Field("In force until", lambda value: value if value == NO_END else moment_in_words(value))
    }

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """Until when it is in force."""
        end = self.held(subject_id).effective_until
        return {"effective_until": NO_END if end is None else plain(end)}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """It ends when it is approved, and at no other time."""
        if payload.get("effective_until", AT_ONCE) != AT_ONCE:
            raise Invalid({"effective_until": "A version is retired when that is approved."})
        self.require(self.held(subject_id), now)
        return {"effective_until": AT_ONCE}
