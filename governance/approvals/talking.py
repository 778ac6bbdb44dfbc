"""What is said about a route to those who have to do with it, and who is reminded of it. Callers hold the route."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from governance.approvals.models import ApprovalRoute, ApprovalStep, Comment, StepApprover
from governance.approvals.states import StepState
from governance.core.actor import Actor
from governance.core.events import Event, record
from governance.core.moves import amend, plain
from governance.core.subjects import Said, decidable
from governance.identities.models import Identity
from governance.notifications.moves import Notice, notify
from governance.notifications.states import Topic


@dataclass(frozen=True, slots=True)
class Words:
    """A comment to be made: whose, in which words, and whom it names of those who may read it."""

    by: Identity
    text: str
    named: frozenset[UUID] = frozenset()


def comment(route: ApprovalRoute, words: Words, *, comment_id: UUID, actor: Actor, now: datetime) -> Comment:
    """Say something about a held route to the others who have to do with it, to those by name whom it names."""
    named = sorted(words.named)
    said = Comment(pk=comment_id, route=route, author=words.by, text=words.text, mentioned=named, at=now)
    said.save(force_insert=True)
    record(
        [
            Event(
                action=f"{Comment.NOUN}.made",
                actor=actor,
                subject_kind=route.NOUN,
                subject_id=route.pk,
                subject_label=str(route),
                reason=words.text,
                at=now,
                facts={"comment_id": str(said.pk), "mentioned": plain(named)},
            )
        ]
    )
    asked = StepApprover.objects.filter(step__route=route)
    reached = _spread(said, asked, words, now)
    said_of = Said(words.by.pk, words.text, words.named - reached)
    decidable(route.subject_kind).on_commented(route.subject_id, said.pk, said_of, now=now)
    return said


def _spread(said: Comment, asked: "QuerySet[StepApprover]", words: Words, now: datetime) -> frozenset[UUID]:
    """Tell who is asked now, and who is named of all who ever were. Answers whom it has reached."""
    open_now = asked.filter(step__state=StepState.OPEN, ends_at__isnull=True)
    label, once = said.route.subject_label, f"comment:{said.pk}"
    told = {row.identity_id: (row.step_id, f"{label} has a new comment") for row in open_now}
    names_you = f"A comment on {label} names you"
    for row in asked.filter(Q(identity__in=words.named) | Q(on_behalf_of__in=words.named)).order_by("starts_at"):
        told |= {pk: (row.step_id, names_you) for pk in (row.identity_id, row.on_behalf_of_id) if pk in words.named}
    told.pop(words.by.pk, None)
    notify(
        (
            Notice(pk, Topic.WORK, title, words.text, (ApprovalStep.NOUN, step_id), once)
            for pk, (step_id, title) in told.items()
        ),
        now=now,
    )
    return frozenset(told)


def remind(route: ApprovalRoute, by: Identity, *, actor: Actor, now: datetime) -> None:
    """Remind those whom a held route asks now, in the name of whoever asked for it."""
    amend(route, "reminded", actor=actor, why=f"{by} asks again", now=now, reminded_at=now)
    said = decidable(route.subject_kind).describe(frozenset({route.subject_id}))[route.subject_id]
    asked = StepApprover.objects.filter(step__route=route, step__state=StepState.OPEN, ends_at__isnull=True)
    once, body = f"reminded:{route.pk}:{now.isoformat()}", f"{by} reminds you: your decision is waited for."
    notify(
        (
            Notice(one.identity_id, Topic.WORK, said.title, body, (ApprovalStep.NOUN, one.step_id), once)
            for one in asked
        ),
        now=now,
    )
