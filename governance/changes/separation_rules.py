"""Changes of a version of a rule of separation.

What changes the map that activations are judged by waits for those that are under way, and keeps new ones out until it
is committed: none is judged by what no longer holds (rule 7).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from governance.catalog.states import Risk
from governance.changes.kinds import Field
from governance.changes.models import ProposedChange
from governance.changes.purposes import lines
from governance.changes.rule_versions import OfVersion, Retiring
from governance.core.actor import Actor
from governance.core.errors import Conflict, Invalid
from governance.core.locking import take_turns
from governance.core.wake import after_commit
from governance.separation import moves, permissions
from governance.separation.models import SeparationRule, SeparationRuleVersion
from governance.separation.moves import SCAN
from governance.separation.queries import MAP, in_force, keys_of
from governance.separation.states import VersionState


class _OfSeparationVersion(OfVersion):
    """What both have in common."""

    subject_kind = SeparationRuleVersion.NOUN
    rules, versions = SeparationRule, SeparationRuleVersion

    def visible(self, actor: Actor, now: datetime) -> "QuerySet[SeparationRuleVersion]":
        """From the permissions of separation."""
        return permissions.visible_versions(actor, now)

    def permit(self, actor: Actor) -> None:
        """For administrators."""
        permissions.require_change(actor)

    def lock(self, subject_id: UUID) -> None:
        """The map, then the rule with all its versions."""
        take_turns(MAP)
        super().lock(subject_id)

    def writers(self, version_id: UUID) -> Iterable[UUID]:
        """Whoever drafted it."""
        return SeparationRuleVersion.objects.filter(pk=version_id).values_list("drafted_by", flat=True)


class SeparationPublish(_OfSeparationVersion):
    """Having a draft decide, at the last yes. What is shown is what it says, beside what is in force now."""

    name = "separation_rule.publish"
    title = "Put a rule of separation in force"
    fields = {
        "left": Field("Whoever holds one of these", lines),
        "right": Field("holds none of these", lines),
        "severity": Field("Severity", lambda value: str(Risk(value).label)),
        "reason": Field("Why they are kept apart"),
    }

    def require(self, version: SeparationRuleVersion, now: datetime) -> None:
        """Only a draft, and one that could be drafted today."""
        if version.state != VersionState.DRAFT:
            raise Conflict(f"{version} is {version.get_state_display().lower()}: it is no draft.", code="not_a_draft")
        try:
            moves.check(moves.wording_of(version))
        except Invalid as wrong:  # what its bundles hold has changed since it was drafted
            raise Conflict(f"{version} can't be kept any more: {'; '.join(wrong.fields.values())}") from wrong

    def current(self, subject_id: UUID) -> dict[str, Any]:
        """What is in force of the rule; nothing where nothing is."""
        version = in_force(self.held(subject_id).rule_id)
        return _says(version) if version else {}

    def checked(self, subject_id: UUID, payload: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """With all that the draft says, which never changes: nobody approves one thing and gets another."""
        version = self.held(subject_id)
        self.require(version, now)
        says = _says(version)
        if wrong := {name: f"{version} says otherwise." for name in payload if payload[name] != says[name]}:
            raise Invalid(wrong)
        return says

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Put it in force, and have all live access scanned."""
        moves.put_in_force(self.held(change.subject_id), actor=actor, why=change.reason, now=now)
        after_commit(SCAN)


class SeparationRetire(_OfSeparationVersion, Retiring):
    """Ending a rule."""

    name = "separation_rule.retire"
    title = "Retire a rule of separation"

    def require(self, version: SeparationRuleVersion, now: datetime) -> None:
        """Only one that is in force."""
        if version.state != VersionState.IN_FORCE:
            raise Conflict(f"{version} is not in force.", code="not_in_force")

    def apply(self, change: ProposedChange, *, actor: Actor, now: datetime) -> None:
        """Retire it, and have its violations resolved."""
        moves.retire(self.held(change.subject_id), actor=actor, why=change.reason, now=now)
        after_commit(SCAN)


def _says(version: SeparationRuleVersion) -> dict[str, Any]:
    return {**keys_of(version), "severity": version.severity, "reason": version.reason}
