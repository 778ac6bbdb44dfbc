"""The way of a lease in an organisation, a stage at a time, through the actions that people and workers use."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from governance.approvals.actions import decide
from governance.approvals.states import Verdict
from governance.core.actor import Actor, Role
from governance.core.models import Recorded
from governance.grants.actions import activate, hand_back, revoke
from governance.grants.models import Grant
from governance.identities.models import Identity, Ownership
from governance.identities.states import OwnerRole
from governance.lifecycle.actions import end_identity
from governance.provisioning.actions import due, run_task
from governance.provisioning.models import ProvisioningTask
from governance.purposes.models import Purpose
from governance.requests.models import AccessRequest
from tests.builders import Organisation, account, actor, keep, person, step_ids

HR = Actor.system("hr")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def newcomer(org: Organisation, name: str = "Requester") -> Identity:
    """Another requester of the organisation, with an account, in the place of the last one."""
    org.requester = person(name, manager=org.manager)
    org.account = account(org.requester, org.system)
    return org.requester


def approve(
    step_id: UUID, by: Identity, *, reason: str = "It is needed", now: datetime | None = None, **session: Any
) -> Any:
    """Approve one step."""
    now, by_whom = now or timezone.now(), actor(by, **session)
    return decide(step_id=step_id, verdict=Verdict.APPROVE, reason=reason, actor=by_whom, now=now)


def reject(step_id: UUID, by: Identity, *, reason: str = "It is not needed", now: datetime | None = None) -> Any:
    """Reject one step."""
    now = now or timezone.now()
    return decide(step_id=step_id, verdict=Verdict.REJECT, reason=reason, actor=actor(by), now=now)


def ask_back(step_id: UUID, by: Identity, text: str = "Which books?") -> Any:
    """Return one step to the requester with a question."""
    return decide(step_id=step_id, verdict=Verdict.RETURN, reason=text, actor=actor(by), now=timezone.now())


def decided(request: AccessRequest, *approvers: Identity, now: datetime | None = None) -> AccessRequest:
    """The request with its steps approved, each by the next approver."""
    for step_id, approver in zip(step_ids(request), approvers, strict=True):
        approve(step_id, approver, now=now)
    request.refresh_from_db()
    return request


def granted(org: Organisation, *, why: Purpose | None = None, now: datetime | None = None, **fields: Any) -> Grant:
    """An approved grant of the requester, for the organisation's purpose or another, not activated yet."""
    if why is not None:
        fields["purpose_id"] = why.pk
    request = decided(org.submit(now=now, **fields), org.manager, org.owner, now=now)
    return Grant.objects.get(source_id=request.items.get().pk)


def started(org: Organisation, *, now: datetime | None = None, **fields: Any) -> Grant:
    """A grant that has been activated and waits to be provisioned."""
    now = now or timezone.now()
    return activate(grant_id=granted(org, now=now, **fields).pk, now=now)


def begin(grant: Grant) -> Grant:
    """Activate the grant now."""
    return activate(grant_id=grant.pk, now=timezone.now())


def give_back(grant: Grant, *, now: datetime | None = None) -> Grant:
    """The holder hands the grant back."""
    return hand_back(grant_id=grant.pk, actor=actor(grant.identity), reason="Done", now=now or timezone.now())


def take_away(grant: Grant, by: Actor, *, now: datetime | None = None) -> Grant:
    """Somebody revokes the grant."""
    return revoke(grant_id=grant.pk, actor=by, reason="Unusual use", now=now or timezone.now())


def leave(who: Identity, *, now: datetime | None = None) -> Identity:
    """The identity ends: a leaver, as the human resources say."""
    return end_identity(identity_id=who.pk, actor=HR, reason="Left", now=now or timezone.now())


def work(now: datetime | None = None) -> None:
    """Let a worker do all that is due."""
    now = now or timezone.now()
    for _ in range(100):
        waiting = due(now=now)
        if not waiting:
            return
        for task_id in waiting:
            run_task(task_id, clock=lambda: now, chance=lambda: 0.0)
    raise AssertionError("there is always more to do")


def active(org: Organisation, *, now: datetime | None = None, **fields: Any) -> Grant:
    """A grant that has been verified present; needs a system in memory."""
    now = now or timezone.now()
    grant = started(org, now=now, **fields)
    work(now)
    return fresh(grant)


def fresh(grant: Grant) -> Grant:
    """The grant as it is now."""
    return Grant.objects.with_names().get(pk=grant.pk)


def open_task(grant: Grant) -> ProvisioningTask:
    """The one task that drives the grant's assignment."""
    return ProvisioningTask.objects.open().get(assignment=grant.assignment_id)


def backed(thing: Recorded, by: Identity) -> None:
    """Name a backup owner of the thing, beside its owner."""
    period = {"subject_kind": thing.NOUN, "subject_id": thing.pk, "role": OwnerRole.BACKUP_OWNER}
    keep(Ownership(**period, identity=by, starts_at=timezone.now() - HOUR))


def security() -> Actor:
    """Somebody of security, signed in."""
    return actor(person("Watch"), Role.SECURITY)
