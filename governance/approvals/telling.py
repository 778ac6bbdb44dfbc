"""Who hears of a step: those whom it asks, those in whose place one decided, and who can help where nobody is left."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.rules import Asked
from governance.core.subjects import decidable
from governance.identities.models import Identity
from governance.identities.queries import GOVERNANCE_TEAM, SECURITY_TEAM, members
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic


def asked(step: ApprovalStep, people: Collection[Asked], now: datetime) -> None:
    """Those who are asked from this moment on: also who was asked before, and is again."""
    names = Identity.objects.in_bulk({one.on_behalf_of for one in people if one.on_behalf_of})
    body = f"Your {'consent' if step.consents else 'decision'} is asked as {step.get_kind_display().lower()}"
    title, subject, once = _title(step), (ApprovalStep.NOUN, step.pk), f"asked:{step.pk}:{now.isoformat()}"
    notices = (
        Notice(one.identity_id, Topic.WORK, title, f"{body}{_place(one, names)}.", subject, once) for one in people
    )
    notify(notices, now=now)


def unanswerable(step: ApprovalStep, now: datetime) -> None:
    """Whoever asked for it, and the governance team, else security: nobody is left who may decide (rule 15)."""
    team = members(GOVERNANCE_TEAM, now) or members(SECURITY_TEAM, now)
    asker = decidable(step.route.subject_kind).asker(step.route.subject_id)
    body = f"Nobody is left who may decide as {step.get_kind_display().lower()}: it expires unless somebody comes in."
    title, subject = f"Nobody can decide: {_title(step)}", (ApprovalStep.NOUN, step.pk)
    once = f"unanswerable:{step.pk}:{now.isoformat()}"
    notices = [Notice(pk, Topic.WORK, title, body, subject, once) for pk in {asker, *(one.pk for one in team)}]
    notify(notices, now=now)


def decided_for(step: ApprovalStep, decision: Decision, now: datetime) -> None:
    """Whoever is decided for hears what was said in their place."""
    if decision.on_behalf_of_id is None:
        return
    title = f"{decision.decider} decided in your place: {decision.get_verdict_display().lower()}"
    body, once = f"{step}. {decision.reason}".strip(), f"decided:{decision.pk}"
    notice = Notice(decision.on_behalf_of_id, Topic.OUTCOME, title, body, (ApprovalStep.NOUN, step.pk), once)
    notify([notice], now=now)


def _title(step: ApprovalStep) -> str:
    route = step.route
    return decidable(route.subject_kind).describe(frozenset({route.subject_id}))[route.subject_id].title


def _place(asked: Asked, names: Mapping[UUID, Identity]) -> str:
    return f", in the place of {names[asked.on_behalf_of]}" if asked.on_behalf_of else ""
