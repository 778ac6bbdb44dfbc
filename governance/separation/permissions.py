"""Who sees rules of separation, what breaks them and the mitigations; who changes rules, and who decides."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.access.models import Inclusion
from governance.core.actor import Actor, ActorKind, Role
from governance.core.errors import Conflict, Denied, NotFound
from governance.core.locking import locked, locked_all
from governance.identities.models import Identity, Ownership
from governance.identities.permissions import visible as visible_identities
from governance.identities.queries import answerable_for, owned_ids, same_human
from governance.separation.models import Mitigation, SeparationRule, SeparationRuleVersion, SeparationViolation
from governance.separation.querysets import MitigationQuerySet, VersionQuerySet, ViolationQuerySet
from governance.separation.states import MitigationState

SEES_ALL = (Role.AUDITOR, Role.SECURITY, Role.ADMINISTRATOR)


def _owned(actor: Actor, now: datetime) -> "QuerySet[Ownership, UUID]":
    return owned_ids(SeparationRule.NOUN, actor.identity_ids, now)


def visible_rules(actor: Actor, now: datetime) -> "QuerySet[SeparationRule]":
    """All rules for those who oversee, else those that the actor answers for."""
    if actor.has(*SEES_ALL):
        return SeparationRule.objects.all()
    return SeparationRule.objects.filter(pk__in=_owned(actor, now))


def visible_versions(actor: Actor, now: datetime) -> "VersionQuerySet[SeparationRuleVersion]":
    """All versions of the rules that the actor may see."""
    return SeparationRuleVersion.objects.filter(rule__in=visible_rules(actor, now).values("pk"))


def sees_rules(actor: Actor, now: datetime) -> bool:
    """Whether there is any rule that the actor may see, or could be."""
    return actor.has(*SEES_ALL) or visible_rules(actor, now).exists()


def _theirs(actor: Actor, now: datetime) -> Q:
    """What concerns the actor, who they own, their reports, or a rule they answer for."""
    people = visible_identities(actor, now).order_by().values("pk")
    return Q(identity__in=people) | Q(rule__in=_owned(actor, now))


def visible_violations(actor: Actor, now: datetime) -> "ViolationQuerySet[SeparationViolation]":
    """All for those who oversee; else of rules one answers for, of oneself, of whom one owns, and of one's reports."""
    if actor.has(*SEES_ALL):
        return SeparationViolation.objects.all()
    return SeparationViolation.objects.filter(_theirs(actor, now))


def visible_mitigations(actor: Actor, now: datetime) -> "MitigationQuerySet[Mitigation]":
    """As violations are seen; and those one has asked for."""
    if actor.has(*SEES_ALL):
        return Mitigation.objects.all()
    return Mitigation.objects.filter(_theirs(actor, now) | Q(requester__in=actor.identity_ids))


def visible_inclusions(actor: Actor) -> "QuerySet[Inclusion]":
    """All for those who oversee, none for others: what an access gives besides is told with it."""
    return Inclusion.objects.all() if actor.has(*SEES_ALL) else Inclusion.objects.none()


def can_change(actor: Actor) -> bool:
    """Whether the actor changes rules, and says by hand what confers what."""
    return actor.has(Role.ADMINISTRATOR)


def require_change(actor: Actor) -> None:
    """Raise Denied unless the actor changes rules and inclusions."""
    if not can_change(actor):
        raise Denied("Only an administrator changes what is kept apart, and what confers what.")


def lock_rule(actor: Actor, pk: UUID, now: datetime) -> SeparationRule:
    """Take a rule with all its versions. Raises NotFound for strangers, Denied for those who may only see it."""
    try:
        rule = locked(visible_rules(actor, now), pk)
    except SeparationRule.DoesNotExist:
        raise NotFound from None
    require_change(actor)
    locked_all(rule.versions.all())
    return rule


def lock_version(actor: Actor, pk: UUID, now: datetime) -> SeparationRuleVersion:
    """Take a version with its rule and all other versions of that. Raises as `lock_rule`."""
    rule_id = SeparationRuleVersion.objects.filter(pk=pk).values_list("rule", flat=True).first()
    if rule_id is None:
        raise NotFound
    rule = lock_rule(actor, rule_id, now)
    return rule.versions.select_related("rule").get(pk=pk)


def lock_inclusion(actor: Actor, pk: UUID) -> Inclusion:
    """Take an inclusion that stands. Raises NotFound for strangers, Denied for those who may only see it."""
    standing = visible_inclusions(actor).filter(ended_at__isnull=True)
    try:
        inclusion = locked(standing.select_related("entitlement__system", "conferred__system"), pk)
    except Inclusion.DoesNotExist:
        raise NotFound from None
    require_change(actor)
    return inclusion


# Mitigations ----------------------------------------------------------------------------------------------------------


def may_ask(actor: Actor, rule_id: UUID, identity_id: UUID, now: datetime) -> bool:
    """Whether the actor may ask for a mitigation: for themselves, whom they own, and their reports.

    The rule's owner, security and administrators ask for anybody. Who only oversees changes nothing (rule 14).
    """
    if actor.identity_id is None:
        return False
    if actor.has(Role.SECURITY, Role.ADMINISTRATOR) or _owned(actor, now).filter(subject_id=rule_id).exists():
        return True
    mine = actor.identity_ids
    owned = owned_ids(Identity.NOUN, mine, now)
    theirs = Q(pk__in=mine) | Q(pk__in=owned) | Q(manager__in=mine)
    return Identity.objects.filter(theirs, pk=identity_id).exists()


def parties(mitigation: Mitigation, now: datetime) -> frozenset[UUID]:
    """Who may not approve it: whoever asked, whom it is for, whoever owns that one, and all identities of those."""
    return same_human({mitigation.requester_id, mitigation.identity_id}) | answerable_for(mitigation.identity_id, now)


def refusal(actor: Actor, verb: str, mitigation: Mitigation, now: datetime) -> str | None:
    """Why the actor may not do this to a mitigation they can see, or None when they may."""
    decides = actor.has(Role.SECURITY) or _owned(actor, now).filter(subject_id=mitigation.rule_id).exists()
    mine = actor.identity_ids
    match verb:
        case "approve":
            if actor.kind == ActorKind.MACHINE:
                return "A human decides on a mitigation."
            if not decides:
                return "The rule's owner or security decides on a mitigation."
            own = "Whoever asks for it, or would hold both sides, or owns who would, does not approve it."
            return own if parties(mitigation, now) & mine else None
        case "reject" | "end":
            gone = decides or mitigation.identity_id in mine
            return None if gone else "The rule's owner, security or whom it is for ends a mitigation."
        case "withdraw":
            return None if mitigation.requester_id in mine else "Whoever asked for it takes it back."
    return "There is no such act."


_FROM = {"end": MitigationState.APPROVED}
"""The state that a mitigation has to be in; for all other acts it is proposed."""


def acts(actor: Actor, mitigation: Mitigation, now: datetime) -> list[str]:
    """What the actor may do to the mitigation now."""
    verbs = ("approve", "reject", "withdraw", "end")
    return [
        verb
        for verb in verbs
        if mitigation.state == _FROM.get(verb, MitigationState.PROPOSED)
        and refusal(actor, verb, mitigation, now) is None
    ]


def lock_mitigation(actor: Actor, verb: str, pk: UUID, now: datetime) -> Mitigation:
    """Take a mitigation for an act, and before it whoever would hold both sides, as who activates their grants does.

    Raises NotFound, Denied, and Conflict once somebody has decided.
    """
    seen = visible_mitigations(actor, now).filter(pk=pk).first()
    if seen is None:
        raise NotFound
    locked_all(SeparationRule.objects.filter(pk=seen.rule_id), share=True)
    locked_all(Identity.objects.filter(pk__in=same_human([seen.identity_id])))
    beside = Mitigation.objects.filter(rule=seen.rule_id, holder=seen.holder)  # an approval ends the one before it
    locked_all(beside.filter(Q(pk=pk) | Q(state=MitigationState.APPROVED)))
    mitigation = Mitigation.objects.with_names().get(pk=pk)
    if mitigation.state != _FROM.get(verb, MitigationState.PROPOSED):
        raise Conflict(f"{mitigation} is {mitigation.get_state_display().lower()} already.", code="already_decided")
    if reason := refusal(actor, verb, mitigation, now):
        raise Denied(reason)
    return mitigation
