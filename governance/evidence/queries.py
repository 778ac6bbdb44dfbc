"""The chain of custody: one grant or request from who asked to verified absent (G1).

Each record is an audit event, read together with what it refers to. Nothing is inferred from a row's present state:
what has no event did not happen. The number of queries does not depend on the length of the chain.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from governance.access.models import Verification
from governance.access.states import Observation
from governance.approvals.models import ApprovalStep, Decision, Question
from governance.audit.models import AuditEvent, AuditLeaf
from governance.audit.queries import events_of
from governance.break_glass.models import BreakGlass
from governance.evidence.entries import Chain, Entry, EntryKind
from governance.grants.models import Grant
from governance.grants.states import STANDS_ON, Basis
from governance.notifications.models import Notification
from governance.policy.models import PolicyDecision, PolicyRuleVersion
from governance.provisioning.models import ProvisioningTask
from governance.provisioning.states import Operation
from governance.requests.models import AccessRequest, RequestItem

ACTIONS: Mapping[str, EntryKind] = {
    "access_request.submitted": EntryKind.REQUESTED,
    "access_request.withdrawn": EntryKind.WITHDRAWN,
    "break_glass.open": EntryKind.TAKEN,
    "break_glass.reviewed": EntryKind.REVIEWED,
    "break_glass.closed": EntryKind.CLOSED,
    "policy.decided": EntryKind.POLICY,
    "decision.approve": EntryKind.APPROVED,
    "decision.consent": EntryKind.CONSENTED,
    "decision.reject": EntryKind.REJECTED,
    "decision.return": EntryKind.ASKED,
    "question.answered": EntryKind.ANSWERED,
    "approval_step.reassigned": EntryKind.REASSIGNED,
    "approval_step.escalated": EntryKind.ESCALATED,
    "approval_step.skipped": EntryKind.SKIPPED,
    "approval_step.expired": EntryKind.STEP_EXPIRED,
    "grant.cancelled": EntryKind.CANCELLED,
    "grant.provisioning": EntryKind.STARTED,
    "grant.provisioning_failed": EntryKind.FAILED,
    "grant.active": EntryKind.PRESENT,
    "grant.owner_changed": EntryKind.OWNER_CHANGED,
    "grant.revoking": EntryKind.ENDED,
    "grant.revocation_failed": EntryKind.REMOVAL_FAILED,
    "grant.revoked": EntryKind.REMOVED,
    "provisioning_task.succeeded": EntryKind.CALLED,
    "provisioning_task.failed": EntryKind.CALL_FAILED,
    "manual_task.open": EntryKind.HANDED_OVER,
    "manual_task.done": EntryKind.DONE_BY_HAND,
    "manual_task.sent_back": EntryKind.SENT_BACK,
}
"""The events that a chain is made of; all others restate what one of these says."""

FOUNDED: Mapping[str, EntryKind] = {"grant.approved": EntryKind.FOUNDED}
"""Where the chain of the founder's grant begins, which rests on no request but on a rule."""

KINDS: Mapping[str, EntryKind] = {**ACTIONS, **FOUNDED}

BEGINNING = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)


def chain_of_grant(grant: Grant) -> Chain:
    """Everything from the request to the verified end of one grant, oldest first."""
    item = RequestItem.objects.filter(pk=grant.source_id).first() if grant.source_kind == RequestItem.NOUN else None
    asked = _of_request([item], item.request_id) if item else []
    if grant.source_kind == BreakGlass.NOUN:
        asked = _telling([grant.source_id])
    founded = grant.basis == Basis.ADOPTION and grant.source_kind == PolicyRuleVersion.NOUN
    own = _telling([grant.pk], {*ACTIONS, *FOUNDED} if founded else ACTIONS)
    span = _span(own)
    tasks = _tasks(grant, span)
    return _chain([*asked, *own, *_telling(_worked(tasks))], tasks, _looks(grant, span), _reminders(grant))


def chain_of_request(request: AccessRequest) -> Chain:
    """Everything that was asked, said and decided of one request, oldest first."""
    return _chain(_of_request(request.items.all(), request.pk))


def routes_of(subject_ids: Collection[UUID], kind: str = RequestItem.NOUN) -> Mapping[UUID, list[ApprovalStep]]:
    """The steps about each subject in their order, with whom they ask and who decided; four queries."""
    steps = ApprovalStep.objects.filter(route__subject_kind=kind, route__subject_id__in=subject_ids)
    found: dict[UUID, list[ApprovalStep]] = defaultdict(list)
    decisions = Prefetch("decisions", Decision.objects.select_related("decider", "on_behalf_of", "file"))
    rows = steps.select_related("route", "claimed_by")
    rows = rows.prefetch_related("approvers__identity", "approvers__on_behalf_of", decisions)
    for step in rows.order_by("route__opened_at", "position"):
        found[step.route.subject_id].append(step)
    return found


def _of_request(items: Iterable[RequestItem], request_id: UUID) -> list[AuditEvent]:
    """Events of the request, its items, and the steps and questions on their way."""
    ids = [item.pk for item in items]
    steps = ApprovalStep.objects.filter(route__subject_id__in=ids)
    questions = Question.objects.filter(step__in=steps)
    near = [*steps.values_list("pk", flat=True), *questions.values_list("pk", flat=True)]
    return _telling([request_id, *ids, *near])


def _telling(subject_ids: Collection[UUID], actions: Collection[str] = ACTIONS.keys()) -> list[AuditEvent]:
    """The events of the subjects that a chain is made of."""
    return list(events_of(subject_ids).filter(action__in=actions))


def _span(own: Iterable[AuditEvent]) -> tuple[datetime, datetime] | None:
    """From when to when the grant moved its assignment: from its start to the proof of its end, if it has begun."""
    when = {event.action: event.at for event in own}
    start = when.get("grant.provisioning")
    return (start, when.get("grant.revoked", FOREVER)) if start else None


def _tasks(grant: Grant, span: tuple[datetime, datetime] | None) -> Mapping[UUID, ProvisioningTask]:
    """The tasks that drove the assignment in that time, by id."""
    if span is None:
        return {}
    tasks = ProvisioningTask.objects.filter(assignment=grant.assignment_id, created_at__range=span)
    rows = tasks.select_related("manual_task").prefetch_related("attempts")
    return {task.pk: task for task in rows.order_by("created_at")}


def _worked(tasks: Mapping[UUID, ProvisioningTask]) -> list[UUID]:
    """What tells how each task was carried out: the task itself, or what people were asked for by it."""
    return [task.manual_task.pk if hasattr(task, "manual_task") else pk for pk, task in tasks.items()]


def _looks(grant: Grant, span: tuple[datetime, datetime] | None) -> list[Verification]:
    """What was seen of the assignment in that time, oldest first."""
    if span is None:
        return []
    seen = Verification.objects.filter(assignment=grant.assignment_id, at__range=span)
    return list(seen.order_by("at"))


def _reminders(grant: Grant) -> Iterator[Entry]:
    """Each reminder of the end, with the people whom it reached."""
    notices = Notification.objects.filter(subject_kind=Grant.NOUN, subject_id=grant.pk, once__startswith="ends ")
    told: dict[tuple[datetime, str], list[str]] = defaultdict(list)
    for notice in notices.select_related("recipient").order_by("created_at", "recipient__name"):
        told[notice.created_at, notice.title].append(notice.recipient.name)
    for (at, title), people in told.items():
        yield Entry(EntryKind.REMINDED, at, "", title, people=people)


def _chain(
    events: Collection[AuditEvent],
    tasks: Mapping[UUID, ProvisioningTask] | None = None,
    looks: Iterable[Verification] = (),
    reminders: Iterable[Entry] = (),
) -> Chain:
    told = _Told(events, tasks or {}, list(looks))
    entries = [*(told.entry(event) for event in events), *reminders]
    entries.sort(key=lambda entry: (entry.at, entry.event.sequence if entry.event else 0))
    sealed = AuditLeaf.objects.filter(sequence__in=[event.sequence for event in events]).count()
    return Chain(entries, sealed)


class _Told:
    """What events refer to, read once for all of them."""

    def __init__(
        self,
        events: Collection[AuditEvent],
        tasks: Mapping[UUID, ProvisioningTask],
        looks: list[Verification],
    ) -> None:
        named = {str(_facts(event).get("decision_id")) for event in events} - {"None"}
        decisions = Decision.objects.filter(pk__in=named).select_related("decider", "on_behalf_of", "step")
        self._decisions = {str(row.pk): row for row in decisions}
        self._policy = {str(row.pk): row for row in PolicyDecision.objects.filter(pk__in=named)}
        self._tasks, self._looks = tasks, looks
        self._ended = max((event.at for event in events if KINDS[event.action] == EntryKind.ENDED), default=FOREVER)

    def entry(self, event: AuditEvent) -> Entry:
        """The record that an event makes."""
        said, facts = event.content, _facts(event)
        task = self._tasks.get(event.subject_id)
        kind = _kind(event, task)
        return Entry(
            kind=kind,
            at=_called_at(task, event.at) if kind in CALLS else event.at,
            by=said["actor"]["label"] if said else "",
            why=said["reason"] if said else "",
            event=event,
            facts=facts,
            decision=self._decisions.get(str(facts.get("decision_id"))),
            policy=self._policy.get(str(facts.get("decision_id"))),
            verification=self._seen(kind, event.at),
            task=task,
        )

    def _seen(self, kind: EntryKind, at: datetime) -> Verification | None:
        """The last look before a grant was moved by what it showed."""
        since = BEGINNING if kind == EntryKind.PRESENT else self._ended
        shown = SHOWN.get(kind, ())
        fitting = [look for look in self._looks if look.observation in shown and since <= look.at <= at]
        return fitting[-1] if fitting else None


def _kind(event: AuditEvent, task: ProvisioningTask | None) -> EntryKind:
    """What the event says has happened; two of them say one thing or another."""
    kind = KINDS[event.action]
    if kind == EntryKind.CALLED and task is not None and task.operation == Operation.REVOKE:
        return EntryKind.REMOVAL_CALLED
    if kind == EntryKind.REMOVED and str(_facts(event).get("state_reason", "")).startswith(STANDS_ON):
        return EntryKind.SUPPORTED
    return kind


CALLS = frozenset({EntryKind.CALLED, EntryKind.REMOVAL_CALLED})

SHOWN: Mapping[EntryKind, Collection[str]] = {
    EntryKind.PRESENT: {Observation.PRESENT},
    EntryKind.REMOVED: {Observation.ABSENT, Observation.OTHER_PATH},
    EntryKind.REMOVAL_FAILED: {Observation.PRESENT, Observation.OTHER_PATH, Observation.UNKNOWN},
}


def _called_at(task: ProvisioningTask | None, recorded: datetime) -> datetime:
    """When the system was called: the outcome is recorded later, together with what was read back."""
    calls = [attempt.called_at for attempt in task.attempts.all() if attempt.called_at] if task else []
    return max((call for call in calls if call <= recorded), default=recorded)


def _facts(event: AuditEvent) -> Mapping[str, Any]:
    return event.content["facts"] if event.content else {}
