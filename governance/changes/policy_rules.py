"""Changes of a version of a policy rule."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet

from governance.changes.models import ProposedChange
from governance.changes.rule_versions import OfVersion, Retiring
from governance.core.actor import Actor
from governance.core.errors import Conflict
from governance.identities.models import Identity
from governance.policy import moves, permissions
from governance.policy.listing import writers_of
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.states import VersionState


class OfPolicyVersion(OfVersion):
    """What all of them have in common."""

    subject_kind = PolicyRuleVersion.NOUN
    rules, versions = PolicyRule, PolicyRuleVersion
    verb: ClassVar[str]

    def visible(self, actor: Actor, now: datetime) -> "QuerySet[PolicyRuleVersion]":
        """From the permissions of policy."""
        return permissions.visible_versions(actor, now)

    def permit(self, actor: Actor) -> None:
        """For administrators."""
        permissions.require(actor, self.verb)

    def writers(self, version_id: UUID) -> Iterable[UUID]:
        """Whoever drafted it or worded it anew."""
        return Identity.objects.filter(user__in=writers_of(version_id)).values_list("pk", flat=True)


class RuleRetire(OfPolicyVersion, Retiring):
    """Ending a published version."""

    name = "policy_rule.retire"
    title = "Retire a version of a policy rule"
    verb = "retire"

    def require(self, version: PolicyRuleVersion, now: datetime) -> None:
        """Only one that is in force, or will be."""
        end = version.effective_until
        if version.state == VersionState.DRAFT or (end is not None and end <= now):
            raise Conflict(f"{version} is not in force and will not be.", code="not_in_force")

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Retire it."""
        moves.retire(self.held(change.subject_id), actor=actor, why=change.reason, now=now)
