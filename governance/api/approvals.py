"""Approval steps: what the caller is or was asked to decide, and the three decisions."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.shapes import Named, ReasonBody
from governance.approvals import actions, permissions
from governance.approvals.filters import StepFilter
from governance.approvals.models import ApprovalStep, Decision
from governance.approvals.states import Provenance, StepState, Verdict
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.core.subjects import decidable
from governance.evidence import tables
from governance.identities.models import Identity
from governance.policy.states import StepKind
from governance.users.states import Scope

TAG = "Approvals"


class DecisionShape(Shape):
    """A yes, a no or a question, with where it comes from."""

    verdict = serializers.ChoiceField(Verdict.choices)
    provenance = serializers.ChoiceField(Provenance.choices)
    decider = Named(allow_null=True)
    on_behalf_of = Named(allow_null=True, help_text="In whose place they decided, by a delegation.")
    assurance = serializers.IntegerField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class TargetShape(Shape):
    """The thing whose manager or owner is asked."""

    kind = serializers.CharField(source="target_kind")
    id = serializers.UUIDField(source="target_id")
    name = serializers.CharField(source="target_label")


class StepShape(Shape):
    """One stage of a route: whom it asks, by when, and what they have decided."""

    id = serializers.UUIDField()
    route_id = serializers.UUIDField()
    subject_kind = serializers.CharField(source="route.subject_kind")
    subject_id = serializers.UUIDField(source="route.subject_id")
    position = serializers.IntegerField()
    kind = serializers.ChoiceField(StepKind.choices)
    consents = serializers.BooleanField(help_text="A yes is a consent, which never counts as an approval.")
    target = TargetShape(source="*")
    state = serializers.ChoiceField(StepState.choices)
    state_reason = serializers.CharField()
    required = serializers.IntegerField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    counts = serializers.ListField(
        child=serializers.CharField(), help_text="Criteria that whoever is asked meets, the governance team apart."
    )
    opened_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    asked = serializers.SerializerMethodField()
    decisions = serializers.SerializerMethodField()

    def get_asked(self, step: ApprovalStep) -> list[dict[str, str]]:
        """Who is asked now."""
        people = [asked.identity for asked in step.approvers.all() if asked.ends_at is None]
        return [{"id": str(one.pk), "name": one.name} for one in sorted(people, key=_by_name)]

    def get_decisions(self, step: ApprovalStep) -> Any:
        """What was decided, oldest first."""
        return DecisionShape(sorted(step.decisions.all(), key=_by_time), many=True).data


class ObstacleShape(Shape):
    """What a yes would bring together that a rule of separation keeps apart."""

    text = serializers.CharField()
    covered = serializers.CharField(help_text="The mitigation that lets it be. Empty: a yes is refused.")


class WholeStepShape(StepShape):
    """The same, and what stands against a yes to it as things are now: nothing once it is closed."""

    obstacles = ObstacleShape(many=True)


def _by_name(identity: Identity) -> tuple[str, UUID]:
    return identity.name, identity.pk


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
        steps = permissions.visible(self.actor).select_related("route")
        return steps.prefetch_related("approvers__identity", "decisions__decider", "decisions__on_behalf_of")


class _Step(_Steps):
    """What all of them have in common that are about one."""

    now: Any

    def whole(self, found: ApprovalStep) -> ApprovalStep:
        """With what stands against a yes."""
        about = found.route
        open_now = found.state == StepState.OPEN
        told = decidable(about.subject_kind).obstacles(about.subject_id, self.now) if open_now else ()
        found.obstacles = told  # type: ignore[attr-defined]  # for its shape alone
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


class _Decide(_Step, bases.ActEndpoint):
    """One decision on one step, with its reason."""

    verdict: ClassVar[Verdict]

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Decision:
        """Record it."""
        return actions.decide(
            step_id=pk,
            verdict=self.verdict,
            reason=given["reason"],
            actor=self.actor,
            now=self.now,
            as_seen=as_seen,
        )


def _decision(verb: str, summary: str) -> dict[str, Operation]:
    name = f"approval_step_{verb}"
    return {"POST": Operation(name, summary, Scope.DECIDE, WholeStepShape, body=ReasonBody, conditional=True)}


class Approve(_Decide):
    """Yes: an approval, or a consent where the step asks for one."""

    operations = _decision("approve", "Approve a step")
    verdict = Verdict.APPROVE


class Reject(_Decide):
    """No. The requester reads the reason."""

    operations = _decision("reject", "Reject a step")
    verdict = Verdict.REJECT


class Return(_Decide):
    """Not yet: the reason is a question, and the step waits for its answer."""

    operations = _decision("return", "Return a step with a question")
    verdict = Verdict.RETURN
