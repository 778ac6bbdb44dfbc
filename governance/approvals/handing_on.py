"""Who comes into a step besides those whom its kind names: to whom it was handed, and who is brought in late.

If this is wrong, somebody is asked who may not decide (rule 2), or nobody is who would.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from governance.approvals.models import ApprovalStep, Reassignment
from governance.approvals.rules import Asked, Candidates, Place, choose
from governance.identities.models import Identity
from governance.identities.queries import same_human
from governance.policy.criteria import meeting

IN_PLACE = "In the place of"
BROUGHT_IN = "Brought in, because nobody decided in time"


def handed_on(step: ApprovalStep) -> list[Reassignment]:
    """How the step was handed from one to another, oldest first."""
    return list(step.reassignments.select_related("giver", "taker").order_by("at", "pk"))


def counting(identity_ids: Iterable[UUID], step: Place, now: datetime) -> frozenset[UUID]:
    """Those who meet all the criteria that the step has, if it has any."""
    found = frozenset(identity_ids)
    for criteria in step.counts if found else ():
        found = meeting(criteria, Identity.objects.filter(pk__in=found), now)
    return found


def with_takers(
    chain: Sequence[Candidates], handed: Sequence[Reassignment], step: Place, now: datetime
) -> list[Candidates]:
    """The candidates, with whoever was handed the step beside whoever handed it on.

    Who no longer answers has nothing to hand on: a taker goes with them, and who answers now is asked (rule 16).
    """
    found = list(chain)
    for one in handed:
        found = [_joined(group, one.giver_id, one.taker_id) for group in found]
    takers = {one.taker_id for one in handed}
    away = takers - counting((one.taker_id for one in handed if one.taker.decides(now)), step, now)
    return [replace(group, identity_ids=tuple(pk for pk in group.identity_ids if pk not in away)) for group in found]


def _joined(group: Candidates, giver: UUID, taker: UUID) -> Candidates:
    if giver not in group.identity_ids or taker in group.identity_ids:
        return group
    return replace(group, identity_ids=(*group.identity_ids, taker))


def named(asked: Sequence[Asked], handed: Sequence[Reassignment]) -> tuple[Asked, ...]:
    """The same people, those who were handed the step with whose place they take."""
    givers: Mapping[UUID, str] = {one.taker_id: one.giver.name for one in handed}
    return tuple(
        replace(one, via=f"{IN_PLACE} {givers[one.identity_id]}") if one.identity_id in givers else one for one in asked
    )


def brought_in(
    step: ApprovalStep, chain: Sequence[Candidates], asked: Sequence[Asked], out: Collection[UUID], now: datetime
) -> tuple[Asked, ...]:
    """Who is asked besides, once the step has waited too long: the managers of those asked, else the next fallback.

    Where everyone must say yes, and for a consent, nobody else's yes would do.
    """
    if step.escalated_at is None or step.everyone or step.consents or not asked:
        return ()
    people = same_human([one.identity_id for one in asked])
    barred = people | frozenset(out)
    managers = Identity.objects.filter(reports__in=[one.identity_id for one in asked]).distinct().order_by("name")
    eligible = counting((one.pk for one in managers if one.decides(now)), step, now) - barred
    above = [one.pk for one in managers if one.pk in eligible]
    found = [Asked(pk, BROUGHT_IN, fallback=False) for pk in above] or choose(chain, barred)
    return tuple(replace(one, via=BROUGHT_IN, fallback=False) for one in found)
