"""Who may see the rules, and who may change them. What a rule says of one's own request is told with the verdict."""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, Q, QuerySet

from governance.core.actor import Actor, Role
from governance.core.errors import Denied, NotFound
from governance.core.locking import locked, locked_all
from governance.identities.models import TeamMembership
from governance.identities.queries import GOVERNANCE_TEAM, owned_ids
from governance.policy.models import PolicyRule, PolicyRuleVersion

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)
VERBS = frozenset({"create", "draft", "publish", "retire"})


def visible(actor: Actor, now: datetime) -> "QuerySet[PolicyRule]":
    """All rules for those who oversee and for the governance team, else those that the actor answers for."""
    if actor.has(*SEES_ALL):
        return PolicyRule.objects.all()
    governing = TeamMembership.objects.at(now).filter(team__key=GOVERNANCE_TEAM, identity__in=actor.identity_ids)
    owned = owned_ids(PolicyRule.NOUN, actor.identity_ids, now)
    return PolicyRule.objects.filter(Q(pk__in=owned) | Exists(governing))


def visible_versions(actor: Actor, now: datetime) -> "QuerySet[PolicyRuleVersion]":
    """All versions of the rules that the actor may see."""
    return PolicyRuleVersion.objects.filter(rule__in=visible(actor, now).values("pk"))


def can(actor: Actor, verb: str) -> bool:
    """Whether the actor may do this to the rules that they can see."""
    return verb in VERBS and actor.has(Role.ADMINISTRATOR)


def require(actor: Actor, verb: str) -> None:
    """Raise Denied unless the actor may do this."""
    if not can(actor, verb):
        raise Denied(f"Only an administrator may {verb} a policy rule.")


def seen(actor: Actor, pk: UUID, now: datetime) -> PolicyRule:
    """The rule, for whoever may see it. Raises NotFound."""
    rule = visible(actor, now).filter(pk=pk).first()
    if rule is None:
        raise NotFound
    return rule


def lock(actor: Actor, verb: str, pk: UUID, now: datetime) -> PolicyRule:
    """Take a rule and all its versions. Raises NotFound for strangers, Denied for those who may only see it."""
    try:
        rule = locked(visible(actor, now), pk)
    except PolicyRule.DoesNotExist:
        raise NotFound from None
    require(actor, verb)
    locked_all(rule.versions.all())
    return rule


def lock_version(actor: Actor, verb: str, pk: UUID, now: datetime) -> PolicyRuleVersion:
    """Take a version with its rule and all other versions of that. Raises as `lock`."""
    rule_id = PolicyRuleVersion.objects.filter(pk=pk).values_list("rule", flat=True).first()
    if rule_id is None:
        raise NotFound
    rule = lock(actor, verb, rule_id, now)
    return rule.versions.select_related("rule").get(pk=pk)
