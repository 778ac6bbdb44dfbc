"""Approval steps: what the caller is or was asked to decide, the three decisions, and what else is done with a step."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.core.files.base import ContentFile
from django.db.models import Prefetch, QuerySet
from django.http import FileResponse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases, idempotency
from governance.api.fields import Body, Content, Id, Moment, Seconds, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.query import checked
from governance.api.shapes import Named, NoBody, ReasonBody
from governance.approvals import actions, permissions, queries
from governance.approvals.filters import StepFilter
from governance.approvals.models import ApprovalRoute, ApprovalStep, Decision, Reassignment, StepApprover
from governance.approvals.states import Provenance, StepState, Verdict
from governance.core import files
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.core.subjects import Span, decidable
from governance.evidence import tables
from governance.policy.states import StepKind
from governance.users.states import Scope

TAG = "Approvals"
LONGEST_TERM_SECONDS = 10 * 365 * 24 * 3600


class DecisionFileShape(Shape):
    """A file that a decision rests on. The type is what its own first bytes say."""

    name = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField()
    sha256 = serializers.CharField()


class DecisionShape(Shape):
    """A yes, a no or a question, with where it comes from.

    A yes to less than was asked has a term or an end of its own.
    """

    id = serializers.UUIDField()
    verdict = serializers.ChoiceField(Verdict.choices)
    provenance = serializers.ChoiceField(Provenance.choices)
    decider = Named(allow_null=True)
    on_behalf_of = Named(allow_null=True, help_text="In whose place they decided, by a delegation.")
    assurance = serializers.IntegerField()
    reason = serializers.CharField()
    term_seconds = Seconds(source="term", allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    ticket = serializers.CharField()
    file = serializers.SerializerMethodField()
    at = serializers.DateTimeField()

    def get_file(self, decision: Decision) -> dict[str, Any] | None:
        """The file, if there is one."""
        found = getattr(decision, "file", None)
        return dict(DecisionFileShape(found).data) if found else None


class TargetShape(Shape):
    """The thing whose manager or owner is asked."""

    kind = serializers.CharField(source="target_kind")
    id = serializers.UUIDField(source="target_id")
    name = serializers.CharField(source="target_label")


class AskedShape(Shape):
    """Somebody who is asked now, for themselves or for another."""

    id = serializers.UUIDField(source="identity.pk")
    name = serializers.CharField(source="identity.name")
    on_behalf_of = Named(allow_null=True, help_text="In whose place they are asked, by a delegation.")


class StepShape(Shape):
    """One stage of a route: whom it asks, by when, and what they have decided."""

    id = serializers.UUIDField()
    route_id = serializers.UUIDField()
    subject_kind = serializers.CharField(source="route.subject_kind")
    subject_id = serializers.UUIDField(source="route.subject_id")
    position = serializers.IntegerField()
    stage = serializers.IntegerField(help_text="Steps of one stage are open side by side.")
    kind = serializers.ChoiceField(StepKind.choices)
    consents = serializers.BooleanField(help_text="A yes is a consent, which never counts as an approval.")
    target = TargetShape(source="*")
    state = serializers.ChoiceField(StepState.choices)
    state_reason = serializers.CharField()
    required = serializers.IntegerField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    everyone = serializers.BooleanField(help_text="All who are asked must say yes, `required` of them at least.")
    skip_repeat = serializers.BooleanField(
        help_text="It is skipped where all whom it would ask first have approved another step."
    )
    counts = serializers.ListField(
        child=serializers.CharField(), help_text="Criteria that whoever is asked meets, the governance team apart."
    )
    opened_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    escalates_at = serializers.DateTimeField(allow_null=True, help_text="From then on others are asked as well.")
    escalated_at = serializers.DateTimeField(allow_null=True)
    claimed_by = Named(allow_null=True, help_text="Who has said that they look at it; nobody is kept out by it.")
    claimed_until = serializers.DateTimeField(allow_null=True, help_text="A claim in the past holds no more.")
    asked = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()

    @extend_schema_field(AskedShape(many=True))
    def get_asked(self, step: ApprovalStep) -> Any:
        """Who is asked now."""
        asked = [one for one in step.approvers.all() if one.ends_at is None]
        return AskedShape(sorted(asked, key=_by_name), many=True).data

    @extend_schema_field(DecisionShape(many=True))
    def get_decisions(self, step: ApprovalStep) -> Any:
        """What was decided, oldest first."""
        return DecisionShape(sorted(step.decisions.all(), key=_by_time), many=True).data


class ObstacleShape(Shape):
    """What a yes would bring together that a rule of separation keeps apart."""

    text = serializers.CharField()
    covered = serializers.CharField(help_text="The mitigation that lets it be. Empty: a yes is refused.")


class AllowedShape(Shape):
    """How long a yes allows it: a term from the beginning, or an end. A yes to less is less than this."""

    term_seconds = Seconds(source="term", allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class WholeStepShape(StepShape):
    """The same, with what stands against a yes to it as things are now, and how much a yes allows.

    Neither is said once it is closed; what is decided as a whole allows no less.
    """

    obstacles = ObstacleShape(many=True)
    allowed = AllowedShape(allow_null=True)


def _by_name(asked: StepApprover) -> tuple[str, UUID]:
    return asked.identity.name, asked.identity_id


def _by_time(decision: Decision) -> Any:
    return decision.at, decision.pk


class _Steps:
    """What all of them have in common."""

    tag = TAG
    keyset: ClassVar = Keyset(("id",))
    filters = StepFilter
    actor: Any

    def visible(self) -> "QuerySet[ApprovalStep]":
        """From the permissions of approvals."""
        steps = permissions.visible(self.actor).select_related("route", "claimed_by")
        decisions = Prefetch("decisions", Decision.objects.select_related("decider", "on_behalf_of", "file"))
        return steps.prefetch_related("approvers__identity", "approvers__on_behalf_of", decisions)


class _Step(_Steps):
    """What all of them have in common that are about one."""

    now: Any

    def whole(self, found: ApprovalStep) -> ApprovalStep:
        """With what stands against a yes, and how much it allows."""
        about = found.route
        open_now = found.state == StepState.OPEN
        told = decidable(about.subject_kind).obstacles(about.subject_id, self.now) if open_now else ()
        found.obstacles = told  # type: ignore[attr-defined]  # for its shape alone
        found.allowed = queries.allowed(about) if open_now else None  # type: ignore[attr-defined]  # the same
        return found


class StepList(_Steps, bases.ListEndpoint):
    """Steps that the caller is or was asked to decide, or oversees; newest first."""

    operations = {"GET": Operation("approval_step_list", "List approval steps", Scope.READ, StepShape, listed=True)}


class StepExport(_Steps, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("approval_step_export", "Export approval steps", Scope.EXPORT, None)}
    table = tables.STEPS


class StepInbox(_Steps, bases.ListEndpoint):
    """Steps that wait for the caller's decision now, the soonest due first."""

    operations = {
        "GET": Operation("approval_step_inbox", "List what waits for a decision", Scope.READ, StepShape, listed=True)
    }
    keyset = Keyset(("due_at", "id"), descending=False)

    def visible(self) -> "QuerySet[ApprovalStep]":
        """From the permissions of approvals: those alone that ask the caller."""
        return super().visible().filter(pk__in=permissions.inbox(self.actor).values("pk"))


class StepDetail(_Step, bases.OneEndpoint):
    """One approval step."""

    operations = {
        "GET": Operation("approval_step_read", "Read an approval step", Scope.READ, WholeStepShape, conditional=True)
    }


class ProvenBody(ReasonBody):
    """Why, and what it rests on besides: where else it is written down, and a file."""

    ticket = Text(max_length=actions.LONGEST_TICKET, required=False, default="", allow_blank=True)
    file_name = Text(min_length=1, max_length=255, required=False)
    content = Content(required=False, most=files.LARGEST, help_text=f"Base64 of {files.TAKEN}, 10 MiB at most.")


class ApproveBody(ProvenBody):
    """A yes, to all or to less: to a shorter term, or to an earlier end."""

    term_seconds = Whole(required=False, min_value=60, max_value=LONGEST_TERM_SECONDS)
    until = Moment(required=False)


def _less(given: Mapping[str, Any]) -> Span | None:
    """To how much a yes says yes; None where it says yes to all. Raises Invalid."""
    if "term_seconds" in given and "until" in given:
        raise Invalid({"until": "Less is a term or an end, not both."})
    if "term_seconds" in given:
        return Span(term=timedelta(seconds=given["term_seconds"]))
    return Span(until=given["until"].astimezone(UTC)) if "until" in given else None


def _proof(given: Mapping[str, Any]) -> actions.Proof:
    """What a decision rests on besides its reason. Raises Invalid."""
    if ("file_name" in given) != ("content" in given):
        raise Invalid({"content": "A file has a name and a content."})
    file = ContentFile(given["content"], name=given["file_name"]) if "content" in given else None
    return actions.Proof(given["ticket"], file)


class _Decide(_Step, bases.ActEndpoint):
    """One decision on one step, with its reason."""

    most_bytes: ClassVar[int] = 15 * 1024 * 1024
    verdict: ClassVar[Verdict]

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Decision:
        """Record it."""
        names = {"term": "term_seconds", files.FIELD: "content"}
        try:
            return actions.decide(
                step_id=pk,
                verdict=self.verdict,
                reason=given["reason"],
                actor=self.actor,
                now=self.now,
                as_seen=as_seen,
                less=_less(given),
                proof=_proof(given),
            )
        except Invalid as refusal:
            raise refusal.renamed(names) from refusal


def _act(verb: str, summary: str, body: type[Body]) -> dict[str, Operation]:
    name = f"approval_step_{verb}"
    return {"POST": Operation(name, summary, Scope.DECIDE, WholeStepShape, body=body, conditional=True)}


class Approve(_Decide):
    """Yes: an approval, or a consent where the step asks for one."""

    operations = _act("approve", "Approve a step", ApproveBody)
    verdict = Verdict.APPROVE


class Reject(_Decide):
    """No. The requester reads the reason."""

    operations = _act("reject", "Reject a step", ProvenBody)
    verdict = Verdict.REJECT


class Return(_Decide):
    """Not yet: the reason is a question, and the step waits for its answer."""

    operations = _act("return", "Return a step with a question", ProvenBody)
    verdict = Verdict.RETURN


class Claim(_Step, bases.ActEndpoint):
    """Showing the others who are asked that one looks at it. It ends by itself."""

    operations = _act("claim", "Claim a step", NoBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ApprovalStep:  # noqa: ARG002 - nothing is said
        """Mark it."""
        return actions.claim(step_id=pk, actor=self.actor, now=self.now, as_seen=as_seen)


class Release(_Step, bases.ActEndpoint):
    """Taking one's own claim back."""

    operations = _act("release", "Release a step", NoBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ApprovalStep:  # noqa: ARG002 - nothing is said
        """Take the mark off."""
        return actions.release(step_id=pk, actor=self.actor, now=self.now, as_seen=as_seen)


class ReassignBody(ReasonBody):
    """Who is to be asked in one's place, and why."""

    taker = Id(help_text="An active person who is no party, and has had no hand in it.")


class Reassign(_Step, bases.ActEndpoint):
    """Handing a step to somebody eligible. Who hands it on decides on nothing of it any more."""

    operations = _act("reassign", "Hand a step on", ReassignBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Reassignment:
        """Ask them."""
        said = {"taker_id": given["taker"], "reason": given["reason"]}
        return actions.reassign(step_id=pk, **said, actor=self.actor, now=self.now, as_seen=as_seen)


class TogetherBody(ReasonBody):
    """Several steps, and one answer to all of them."""

    steps = serializers.ListField(child=Id(), min_length=1, max_length=actions.MOST_TOGETHER)
    verdict = serializers.ChoiceField([(one.value, one.label) for one in Verdict if one in actions.TOGETHER])


class OutcomeShape(Shape):
    """What became of one step: the decision on it, or why there is none, as a code and in words."""

    step = serializers.UUIDField(source="step_id")
    decision = DecisionShape(allow_null=True)
    code = serializers.CharField()
    message = serializers.CharField()


class TogetherShape(Shape):
    """What became of each, in the order that was sent; a step that was named twice is there once."""

    outcomes = OutcomeShape(many=True)


class Together(bases.Endpoint):
    """Deciding several steps, each on its own: what is refused keeps none of the others back.

    What takes a fresh sign-in is never approved so: what brings anything of high or critical risk, and whatever a
    machine identity asks for.
    """

    tag = TAG
    operations = {
        "POST": Operation(
            "approval_step_decide_together", "Decide several steps", Scope.DECIDE, TogetherShape, body=TogetherBody
        )
    }

    def post(self, request: Request) -> Response:
        """Decide them, once."""
        given = self.sent(request)
        return idempotency.once(request, self.actor, lambda: self._done(request, given))

    def _done(self, request: Request, given: Mapping[str, Any]) -> Response:
        outcomes = actions.decide_together(
            step_ids=given["steps"],
            verdict=Verdict(given["verdict"]),
            reason=given["reason"],
            actor=self.actor,
            now=self.now,
        )
        return Response(self.told(request, {"outcomes": outcomes}))


class ReminderShape(Shape):
    """When those who decide were reminded, and from when on they may be again."""

    route_id = serializers.UUIDField(source="pk")
    reminded_at = serializers.DateTimeField()
    remindable_from = serializers.SerializerMethodField()

    def get_remindable_from(self, route: ApprovalRoute) -> Any:
        """The end of the pause."""
        found = queries.remindable_from(route)
        return serializers.DateTimeField(allow_null=True).to_representation(found) if found else None


class Remind(bases.Endpoint):
    """Reminding those who decide on what the caller has asked for; once a day."""

    tag = TAG
    operations = {"POST": Operation("approval_route_remind", "Remind", Scope.REQUEST, ReminderShape, body=NoBody)}

    def post(self, request: Request, pk: UUID) -> Response:
        """Remind them, once."""
        self.sent(request)
        return idempotency.once(request, self.actor, lambda: self._done(request, pk))

    def _done(self, request: Request, pk: UUID) -> Response:
        return Response(self.told(request, actions.remind(route_id=pk, actor=self.actor, now=self.now)))


class ProofFile(_Steps, bases.OneEndpoint):
    """The file that a decision on the step, or on another of its route, rests on, as it was given."""

    http_method_names: ClassVar[list[str]] = ["get"]  # type: ignore[misc]  # narrower than View's
    operations = {
        "GET": Operation("approval_step_file", "Get a decision's file", Scope.READ, None, media=(*files.MEDIA_TYPES,))
    }
    content_negotiation_class = bases.FileNegotiation

    def get(self, request: Request, pk: UUID, decision: UUID) -> FileResponse:  # type: ignore[override]  # one more id
        """The file, for those who may see the step; only ever to be saved. Raises NotFound."""
        checked(request, ())
        found = self.found(pk)
        shown = queries.files_of(found.route_id).filter(decision=decision).first()
        if shown is None:
            raise NotFound
        return files.sent(shown)
