"""Proposed changes: what somebody wants to be otherwise, and what became of it. Their steps are approval steps."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases, idempotency
from governance.api.fields import Body, Id, Shape, Text
from governance.api.operations import Operation
from governance.api.shapes import MaybeReasonBody, Named
from governance.approvals.models import ApprovalRoute
from governance.changes import actions, permissions, queries
from governance.changes.filters import ChangeFilter
from governance.changes.kinds import kind_of
from governance.changes.models import ProposedChange
from governance.changes.states import ChangeState
from governance.core.errors import Invalid
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.users.states import Scope

TAG = "Changes"


class SubjectShape(Shape):
    """What is to change."""

    kind = serializers.CharField(source="subject_kind")
    id = serializers.UUIDField(source="subject_id")
    name = serializers.CharField(source="subject_label")


class DifferenceShape(Shape):
    """One field as it was when it was proposed, and as it is to be, in words."""

    field = serializers.CharField(source="name")
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    before = serializers.CharField()
    after = serializers.CharField()


class ChangeQuestionShape(Shape):
    """A question that waits for the proposer's answer."""

    id = serializers.UUIDField()
    asked_by = Named()
    question = serializers.CharField()


class ChangeShape(Shape):
    """A proposed change, with its values as plain JSON and what would differ in words."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    kind = serializers.CharField()
    subject = SubjectShape(source="*")
    proposer = Named()
    reason = serializers.CharField()
    payload = serializers.JSONField()
    before = serializers.JSONField()
    differences = serializers.SerializerMethodField()
    state = serializers.ChoiceField(ChangeState.choices)
    state_reason = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    def get_differences(self, change: ProposedChange) -> Any:
        """Field by field."""
        found = kind_of(change.kind).differences(change.before, change.payload)
        return DifferenceShape(list(found), many=True).data


class WholeChangeShape(ChangeShape):
    """The same, with the questions that wait for an answer and the route that its comments are said on."""

    route_id = serializers.SerializerMethodField()
    questions = serializers.SerializerMethodField()

    def get_route_id(self, change: ProposedChange) -> str:
        """Where comments are made."""
        about = {"subject_kind": ProposedChange.NOUN, "subject_id": change.pk}
        return str(ApprovalRoute.objects.filter(**about).values_list("pk", flat=True)[0])

    def get_questions(self, change: ProposedChange) -> Any:
        """What approvers want to know."""
        return ChangeQuestionShape(queries.open_questions([change.pk]), many=True).data


class ChangeBody(Body):
    """What is to be otherwise. `payload` names the fields that the kind has (docs/changes.md)."""

    kind = Text(max_length=48, help_text="Such as entitlement.edit.")
    subject_id = Id(required=False, allow_null=True, default=None, help_text="Left out to propose a new thing.")
    payload = serializers.DictField(help_text="The fields that are to change, with their new values.")
    reason = Text(max_length=4000, help_text="Those who decide read this first.")


class ChangeAnswerBody(Body):
    """An answer to an approver."""

    question = Id()
    answer = Text(max_length=4000)


class _Changes:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = ChangeFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[ProposedChange]":
        """From the permissions of changes."""
        return permissions.visible(self.actor, self.now).select_related("proposer")


class ChangeList(_Changes, bases.MakeEndpoint):
    """Changes that the caller proposed, decides, is concerned by or oversees, newest first; and proposing one."""

    operations = {
        "GET": Operation("change_list", "List proposed changes", Scope.READ, ChangeShape, listed=True),
        "POST": Operation("change_propose", "Propose a change", Scope.REQUEST, WholeChangeShape, 201, ChangeBody),
    }

    address = "api-change-detail"

    def make(self, given: Mapping[str, Any], token: UUID) -> ProposedChange:
        """Propose it."""
        try:
            return actions.propose(**given, token=token, actor=self.actor, now=self.now)
        except Invalid as refusal:
            raise refusal.renamed({"token": idempotency.HEADER}) from refusal


class ChangeExport(_Changes, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("change_export", "Export proposed changes", Scope.EXPORT, None)}
    table = tables.CHANGES


class ChangeDetail(_Changes, bases.OneEndpoint):
    """One proposed change."""

    operations = {
        "GET": Operation("change_read", "Read a proposed change", Scope.READ, WholeChangeShape, conditional=True)
    }


class ChangeWithdraw(_Changes, bases.ActEndpoint):
    """The proposer takes it back while it waits."""

    operations = {
        "POST": Operation(
            "change_withdraw",
            "Withdraw a proposed change",
            Scope.REQUEST,
            WholeChangeShape,
            body=MaybeReasonBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ProposedChange:
        """Withdraw it."""
        reason = given["reason"]
        return actions.withdraw(change_id=pk, actor=self.actor, reason=reason, now=self.now, as_seen=as_seen)


class ChangeAnswer(_Changes, bases.ActEndpoint):
    """The proposer answers an approver's question."""

    operations = {
        "POST": Operation(
            "change_answer",
            "Answer a question about a change",
            Scope.REQUEST,
            WholeChangeShape,
            body=ChangeAnswerBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> ProposedChange:
        """Answer it."""
        return actions.answer(
            change_id=pk,
            question_id=given["question"],
            text=given["answer"],
            actor=self.actor,
            now=self.now,
            as_seen=as_seen,
        )
