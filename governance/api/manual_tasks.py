"""Manual tasks: work on systems that no program reaches, its evidence, and another person's judgement."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.core.files.base import ContentFile
from django.db.models import QuerySet
from django.http import FileResponse
from rest_framework import serializers
from rest_framework.request import Request

from governance.api import bases
from governance.api.fields import Body, Content, Shape, Text
from governance.api.operations import Operation
from governance.api.query import checked
from governance.api.shapes import Named, NamedEntitlement
from governance.core import files
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.provisioning import actions, handwork, permissions
from governance.provisioning.filters import ManualTaskFilter
from governance.provisioning.models import ManualEvidence, ManualTask
from governance.provisioning.states import WAITING, ManualState
from governance.provisioning.states import Operation as Wanted
from governance.users.states import Scope

TAG = "Manual tasks"


class TaskShape(Shape):
    """What is asked of people, by when, what was done and how that was judged."""

    id = serializers.UUIDField()
    title = serializers.SerializerMethodField()
    operation = serializers.ChoiceField(Wanted.choices, source="task.operation")
    entitlement = NamedEntitlement(source="task.assignment.entitlement")
    account = serializers.CharField(source="task.assignment.account.login")
    holder = Named(source="task.assignment.account.identity", allow_null=True)
    state = serializers.ChoiceField(ManualState.choices)
    instructions = serializers.CharField()
    opened_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    escalated_at = serializers.DateTimeField(allow_null=True)
    doer = Named(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)
    report = serializers.CharField()
    judge = Named(allow_null=True)
    judged_at = serializers.DateTimeField(allow_null=True)
    judgement = serializers.CharField()

    def get_title(self, task: ManualTask) -> str:
        """What there is to do, in words."""
        return handwork.sentence(task)


class EvidenceShape(Shape):
    """A file that was given as evidence. The type is what its own first bytes say."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()
    giver = Named()
    given_at = serializers.DateTimeField()


class WholeTaskShape(TaskShape):
    """The task with whose turn it is, and every file that was given, the latest first: that one counts."""

    asked = Named(many=True)
    evidence = EvidenceShape(many=True, source="shown")


class DoneBody(Body):
    """What was done, and a file that shows it."""

    report = Text(min_length=1, max_length=2000, help_text="Read by whoever confirms it, and kept with the grant.")
    file_name = Text(min_length=1, max_length=255)
    content = Content(most=files.LARGEST, help_text=f"Base64 of {files.TAKEN}, 10 MiB at most.")


class MaybeJudgementBody(Body):
    """What was seen, if there is something to say."""

    judgement = Text(max_length=2000, required=False, allow_blank=True, default="")


class JudgementBody(Body):
    """What is missing: it is done again by what is written here."""

    judgement = Text(min_length=1, max_length=2000)


class _Tasks:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("due_at", "id"), descending=False)
    filters = ManualTaskFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[ManualTask]":
        """From the permissions of provisioning."""
        return permissions.visible(self.actor, self.now).with_names()

    def whole(self, found: ManualTask) -> ManualTask:
        """With whose turn it is, and its files."""
        done = found.state == ManualState.DONE
        ask = permissions.asked_to_confirm if done else permissions.asked_to_do
        found.asked = ask(found, self.now) if found.state in WAITING else []  # type: ignore[attr-defined]
        found.shown = found.files.select_related("giver").order_by("-given_at", "-pk")  # type: ignore[attr-defined]
        return found


class TaskList(_Tasks, bases.ListEndpoint):
    """Tasks that the caller has, had a hand in or oversees, the soonest due first."""

    operations = {"GET": Operation("manual_task_list", "List manual tasks", Scope.READ, TaskShape, listed=True)}


class TaskExport(_Tasks, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("manual_task_export", "Export manual tasks", Scope.EXPORT, None)}
    table = tables.MANUAL_TASKS


class TaskInbox(_Tasks, bases.ListEndpoint):
    """Tasks that wait for the caller to do or to confirm them, the soonest due first."""

    operations = {
        "GET": Operation("manual_task_inbox", "List what waits to be done", Scope.READ, TaskShape, listed=True)
    }

    def visible(self) -> "QuerySet[ManualTask]":
        """From the permissions of provisioning: those alone that ask the caller."""
        return permissions.waiting_for(self.actor, self.now).with_names()


class TaskDetail(_Tasks, bases.OneEndpoint):
    """One task, with whose turn it is and its evidence."""

    operations = {
        "GET": Operation("manual_task_read", "Read a manual task", Scope.READ, WholeTaskShape, conditional=True)
    }


def _act(verb: str, summary: str, body: type[Body]) -> dict[str, Operation]:
    name = f"manual_task_{verb}"
    return {"POST": Operation(name, summary, Scope.WORK, WholeTaskShape, body=body, conditional=True)}


class TaskDone(_Tasks, bases.ActEndpoint):
    """Saying that it is done, with a file that shows it. Somebody else confirms it next."""

    operations = _act("do", "Report a task done", DoneBody)
    most_bytes: ClassVar[int] = 15 * 1024 * 1024

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ManualTask:
        """Keep the evidence, and ask for the confirmation."""
        file = ContentFile(given["content"], name=given["file_name"])
        told: dict[str, Any] = {"report": given["report"], "evidence": file, "actor": self.actor, "now": self.now}
        try:
            return actions.do_by_hand(manual_id=pk, **told, as_seen=as_seen)
        except Invalid as refusal:
            raise refusal.renamed({files.FIELD: "content"}) from refusal


class TaskConfirm(_Tasks, bases.ActEndpoint):
    """Confirming what somebody else has done: it stands for reading the system back."""

    operations = _act("confirm", "Confirm a task", MaybeJudgementBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ManualTask:
        """Record the confirmation."""
        judged: dict[str, Any] = {"judgement": given["judgement"], "actor": self.actor, "now": self.now}
        return actions.confirm_by_hand(manual_id=pk, **judged, as_seen=as_seen)


class TaskSendBack(_Tasks, bases.ActEndpoint):
    """Having it done again."""

    operations = _act("send_back", "Send a task back", JudgementBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ManualTask:
        """Send it back, with the reason."""
        judged: dict[str, Any] = {"judgement": given["judgement"], "actor": self.actor, "now": self.now}
        return actions.send_back(manual_id=pk, **judged, as_seen=as_seen)


class EvidenceFile(_Tasks, bases.OneEndpoint):
    """A file that was given as evidence, as it was given."""

    http_method_names: ClassVar[list[str]] = ["get"]  # type: ignore[misc]  # narrower than View's
    operations = {
        "GET": Operation(
            "manual_task_evidence", "Get a file of evidence", Scope.READ, None, media=(*files.MEDIA_TYPES,)
        )
    }
    content_negotiation_class = bases.FileNegotiation

    def get(self, request: Request, pk: UUID, evidence: UUID) -> FileResponse:  # type: ignore[override]  # one more id
        """The file, for those who may see the task; only ever to be saved. Raises NotFound."""
        checked(request, ())
        shown: ManualEvidence | None = self.found(pk).files.filter(pk=evidence).first()
        if shown is None:
            raise NotFound
        return files.sent(shown)
