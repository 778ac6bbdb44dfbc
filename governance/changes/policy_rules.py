"""Changes of a version of a policy rule: the rule's owner decides, and nobody who wrote it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from governance.approvals.moves import StepPlan
from governance.changes.kinds import ChangeKind, Field, Proposing
from governance.changes.models import ProposedChange
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid, NotFound
from governance.core.locking import locked_all
from governance.core.models import Governed
from governance.core.moves import plain
from governance.identities.models import Identity
from governance.policy import moves, permissions
from governance.policy.listing import writers_of
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.states import StepKind, VersionState
from governance.policy.words import minute

AT_ONCE = ""
"""Instead of a moment: when the last yes is given."""

NO_END = "no end"


def moment_in_words(value: str) -> str:
    """A moment of a change; without one it is that of the last yes."""
    return minute(datetime.fromisoformat(value)) if value else "When it is approved"


class OfVersion(ChangeKind):
    """A change of one version. Only administrators propose, and the owner of the rule decides."""

    subject_kind = PolicyRuleVersion.NOUN
    verb: ClassVar[str]

    def subject(self, actor: Actor, subject_id: UUID, now: datetime) -> Governed:
        """For administrators; strangers find no such version."""
        version = self._version(subject_id)
        if version is None or not permissions.visible(actor, now).filter(pk=version.rule_id).exists():
            raise NotFound
        permissions.require(actor, self.verb)
        self.require(version, now)
        return version

    @abstractmethod
    def require(self, version: PolicyRuleVersion, now: datetime) -> None:
        """Raise Conflict where the version is past this."""

    def lock(self, subject_id: UUID) -> None:
        """The rule with all its versions: publishing one retires another."""
        rules = PolicyRule.objects.filter(versions=subject_id)
        for rule in locked_all(rules):
            locked_all(rule.versions.all())

    def route(self, subject: Governed, payload: Mapping[str, Any], by: Proposing) -> Sequence[StepPlan]:
        """Whoever answers for the rule."""
        rule = PolicyRule.objects.get(versions=subject.pk)
        return [StepPlan(StepKind.OWNER, rule.NOUN, rule.pk, f"{rule.key} {rule.title}"[:300])]

    def parties(self, change: ProposedChange, now: datetime) -> frozenset[UUID]:
        """Whoever wrote the version."""
        written = Identity.objects.filter(user__in=writers_of(change.subject_id))
        return frozenset(written.values_list("pk", flat=True))

    def is_sensitive(self, change: ProposedChange) -> bool:
        """Always: it decides about everybody's access."""
        return True

    def _version(self, pk: UUID) -> PolicyRuleVersion | None:
        return PolicyRuleVersion.objects.select_related("rule").filter(pk=pk).first()

    def held(self, pk: UUID) -> PolicyRuleVersion:
        """The version that a change is about."""
        return PolicyRuleVersion.objects.select_related("rule").get(pk=pk)


class RuleRetire(OfVersion):
    """Ending a published version, at the last yes."""

    name = "policy_rule.retire"
    title = "Retire a version of a policy rule"
    verb = "retire"
    fields = {
        "effective_until": Field("In force until", lambda value: value if value == NO_END else moment_in_words(value))
    }

    def require(self, version: PolicyRuleVersion, now: datetime) -> None:
        """Only one that is in force, or will be."""
        end = version.effective_until
        if version.state == VersionState.DRAFT or (end is not None and end <= now):
            raise Conflict(f"{version} is not in force and will not be.", code="not_in_force")

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

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Retire it."""
        moves.retire(self.held(change.subject_id), actor=actor, why=change.reason, now=now)
