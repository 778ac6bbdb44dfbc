"""What an administrator asks of policy. Each opens one transaction."""

from datetime import datetime
from uuid import UUID

from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.locking import locked, unit_of_work
from governance.core.moves import move
from governance.core.seen import AsSeen, unsaid
from governance.identities.models import Identity
from governance.identities.moves import introduce
from governance.policy import moves, permissions
from governance.policy.models import PolicyExample, PolicyRule, PolicyRuleVersion
from governance.policy.moves import Expected, Wording
from governance.policy.states import ExampleState


@unit_of_work()
def create_rule(
    *, key: str, title: str, owner_id: UUID, wording: Wording, actor: Actor, why: str, now: datetime
) -> PolicyRuleVersion:
    """Make a rule, owned by an active identity, with its first draft. Raises Denied, Invalid."""
    permissions.require(actor, "create")
    owner = Identity.objects.active(now).filter(pk=owner_id).first()
    if owner is None:
        raise Invalid({"owner": "A rule is owned by an active identity."})
    rule = introduce(PolicyRule(key=key, title=title.strip()), owner, actor=actor, why=why, now=now)
    return moves.draft(rule, wording, actor=actor, why=why, now=now)


@unit_of_work()
def draft(*, rule_id: UUID, wording: Wording, actor: Actor, why: str, now: datetime) -> PolicyRuleVersion:
    """Draft the rule's next version. Raises NotFound, Denied, Invalid."""
    rule = permissions.lock(actor, "draft", rule_id, now)
    return moves.draft(rule, wording, actor=actor, why=why, now=now)


@unit_of_work()
def redraft(
    *, version_id: UUID, wording: Wording, actor: Actor, why: str, now: datetime, as_seen: AsSeen = unsaid
) -> PolicyRuleVersion:
    """Say something else in a draft. Raises NotFound, Denied, Invalid, Conflict once it has been published."""
    version = permissions.lock_version(actor, "draft", version_id, now)
    as_seen()
    return moves.redraft(version, wording, actor=actor, why=why, now=now)


@unit_of_work()
def keep_example(
    *, rule_id: UUID, title: str, expected: Expected, actor: Actor, why: str, now: datetime
) -> PolicyExample:
    """Keep an example with a rule as one of its tests. Raises NotFound, Denied, Invalid."""
    rule = permissions.lock(actor, "draft", rule_id, now)
    return moves.keep_example(rule, title, expected, actor=actor, why=why, now=now)


@unit_of_work()
def drop_example(*, example_id: UUID, actor: Actor, why: str, now: datetime, as_seen: AsSeen = unsaid) -> PolicyExample:
    """Let an example be none of its rule's tests any more. Raises NotFound, Denied, IllegalMove."""
    rule_id = PolicyExample.objects.filter(pk=example_id).values_list("rule", flat=True).first()
    if rule_id is None:
        raise NotFound
    permissions.lock(actor, "draft", rule_id, now)
    example = locked(PolicyExample.objects.select_related("rule"), example_id)
    as_seen()
    return move(example, ExampleState.DROPPED, actor=actor, why=why, now=now)
