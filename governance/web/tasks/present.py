"""People's tasks as their pages show them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from governance.core.actor import Actor
from governance.grants import permissions as grants
from governance.grants.models import Grant
from governance.provisioning import handwork, permissions
from governance.provisioning.models import ManualTask
from governance.provisioning.states import WAITING, ManualState, Operation
from governance.web import present
from governance.web.shapes import Banner, Who


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list."""

    url: str
    title: str
    system: str
    holder: Who | None
    due_at: datetime
    late: bool
    state: str
    yours: str


def row(task: ManualTask, yours: Collection[UUID], now: datetime) -> Row:
    """One task of a list; needs its names."""
    assignment = task.task.assignment
    holder = assignment.account.identity
    return Row(
        url=reverse("task-detail", args=[task.pk]),
        title=handwork.sentence(task),
        system=assignment.entitlement.system.name,
        holder=present.who(holder) if holder else None,
        due_at=task.due_at,
        late=task.state in WAITING and task.due_at <= now,
        state=task.state,
        yours=_yours(task) if task.pk in yours else "",
    )


def _yours(task: ManualTask) -> str:
    return "Yours to confirm" if task.state == ManualState.DONE else "Yours to do"


@dataclass(frozen=True, slots=True)
class Shown:
    """A file that was given as evidence."""

    url: str
    name: str
    size: str
    sha256: str
    giver: str
    given_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Detail:
    """One task in full."""

    pk: UUID
    title: str
    system: str
    entitlement: str
    risk: str
    account: str
    holder: Who | None
    state: str
    lede: str
    instructions: str
    opened_at: datetime
    due_at: datetime
    late: bool
    asked: str
    doer: str
    done_at: datetime | None
    report: str
    judge: str
    judged_at: datetime | None
    judgement: str
    files: Sequence[Shown]
    grants: Sequence[tuple[str, str]]


def detail(task: ManualTask, actor: Actor, now: datetime) -> Detail:
    """One task in full; needs its names."""
    assignment = task.task.assignment
    holder = assignment.account.identity
    return Detail(
        pk=task.pk,
        title=handwork.sentence(task),
        system=assignment.entitlement.system.name,
        entitlement=assignment.entitlement.name,
        risk=assignment.entitlement.risk,
        account=assignment.account.login,
        holder=present.who(holder) if holder else None,
        state=task.state,
        lede=_lede(task),
        instructions=task.instructions,
        opened_at=task.opened_at,
        due_at=task.due_at,
        late=task.state in WAITING and task.due_at <= now,
        asked=_asked(task, now),
        doer=task.doer.name if task.doer else "",
        done_at=task.done_at,
        report=task.report,
        judge=task.judge.name if task.judge else "",
        judged_at=task.judged_at,
        judgement=task.judgement,
        files=_files(task),
        grants=_grants(task, actor, now),
    )


def _lede(task: ManualTask) -> str:
    system = task.task.assignment.entitlement.system.name
    verb = "gives" if task.task.operation == Operation.GRANT else "takes"
    return (
        f"No program reaches {system}. A person {verb} the access and shows evidence; "
        "somebody else confirms it, and that stands for reading it back."
    )


def _asked(task: ManualTask, now: datetime) -> str:
    """Whose turn it is."""
    if task.state not in WAITING:
        return ""
    done = task.state == ManualState.DONE
    people = permissions.asked_to_confirm(task, now) if done else permissions.asked_to_do(task, now)
    return present.any_of([one.name for one in people]) or "nobody is eligible"


def _files(task: ManualTask) -> list[Shown]:
    rows = task.files.select_related("giver").order_by("-given_at", "-pk")
    return [
        Shown(
            url=reverse("task-evidence", args=[task.pk, one.pk]),
            name=one.name,
            size=filesizeformat(one.size),
            sha256=one.sha256,
            giver=one.giver.name,
            given_at=one.given_at,
            current=one.pk == task.evidence_id,
        )
        for one in rows
    ]


def _grants(task: ManualTask, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """The latest grants that rest on the assignment, as far as the actor may see them: name and address."""
    visible: list[Grant] = list(
        grants.visible(actor, now).filter(assignment=task.task.assignment_id).order_by("-number")[:5]
    )
    return [(str(grant), reverse("grant-detail", args=[grant.pk])) for grant in visible]


def banner(task: ManualTask, now: datetime) -> Banner | None:
    """The one condition of the task that somebody should know of."""
    if task.state == ManualState.SENT_BACK:
        return Banner("warn", f"Sent back by {task.judge}", task.judgement)
    if task.state in WAITING and task.due_at <= now:
        return Banner("bad", "Late", f"It was due {present.at_minute(task.due_at)}. The governance team is reminded.")
    if task.state == ManualState.CLOSED:
        return Banner("note", "Closed", "What it was for is wanted otherwise by now. Nothing is to be done.")
    return None
