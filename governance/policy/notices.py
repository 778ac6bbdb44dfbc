"""What is told to those who answer for a rule."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from governance.identities.models import Identity
from governance.identities.queries import GOVERNANCE_TEAM, members, owners
from governance.identities.states import OwnerRole
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic
from governance.policy.models import PolicyRule, PolicyRuleVersion
from governance.policy.states import BITES
from governance.policy.verdicts import Reason


def tell_broken(reasons: Iterable[Reason], *, now: datetime) -> None:
    """Tell whoever answers for a broken rule what is wrong with it: once for each version and defect.

    Where nobody active does, the governance team is told (rule 15).
    """
    broken = {(reason.rule_key, reason.version): reason for reason in reasons if reason.broken}
    if not broken:
        return
    versions = _versions(broken)
    people = _answerable({version.rule_id for version in versions}, now)
    notices = (
        _notice(person, version, broken[version.rule.key, version.number])
        for version in versions
        for person in people[version.rule_id]
    )
    notify(notices, now=now)


def _versions(named: Collection[tuple[str, int]]) -> list[PolicyRuleVersion]:
    rows = PolicyRuleVersion.objects.filter(rule__key__in={key for key, _ in named}).select_related("rule")
    return [version for version in rows if (version.rule.key, version.number) in named]


def _answerable(rule_ids: Collection[UUID], now: datetime) -> Mapping[UUID, list[Identity]]:
    """The active people to tell of each rule: its owner, else the backup owner, else the governance team."""
    found = owners([(PolicyRule.NOUN, pk) for pk in rule_ids], now)
    return {
        pk: roles.get(OwnerRole.OWNER) or roles.get(OwnerRole.BACKUP_OWNER) or members(GOVERNANCE_TEAM, now)
        for (_, pk), roles in found.items()
    }


def _notice(person: Identity, version: PolicyRuleVersion, reason: Reason) -> Notice:
    follows = (
        "Until it is mended it denies everything" if reason.mode in BITES else "Until it is mended it says nothing"
    )
    return Notice(
        person.pk,
        Topic.WORK,
        f"Rule {version.rule.key} is broken",
        f"{version}: {reason.defect.rstrip('.')}. {follows}.",
        (PolicyRule.NOUN, version.rule_id),
        f"broken:{version.pk}:{sha256(reason.defect.encode()).hexdigest()[:32]}",
    )
