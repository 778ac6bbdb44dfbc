"""Access requests: asking, foreseeing what would follow, taking back, and answering an approver."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases, idempotency
from governance.api.approvals import LONGEST_TERM_SECONDS, StepShape
from governance.api.fields import Body, Id, Moment, Seconds, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.shapes import MaybeReasonBody, Named, NamedEntitlement, NamedPurpose
from governance.catalog.models import Bundle, Entitlement
from governance.catalog.states import BundleState, Risk
from governance.core.actor import Actor
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.evidence.queries import routes_of
from governance.grants.models import Grant
from governance.grants.permissions import told
from governance.policy.risk import explained
from governance.policy.states import Mode, OutcomeKind, StepKind
from governance.purposes.models import Purpose
from governance.requests import actions, permissions, queries
from governance.requests.filters import RequestFilter
from governance.requests.models import AccessRequest
from governance.requests.proposing import Proposal, refusals
from governance.requests.rules import MOST_ITEMS, SHORTEST_JUSTIFICATION, Draft
from governance.requests.states import ItemState, RequestState
from governance.users.states import Scope

TAG = "Requests"


class ReasonShape(Shape):
    """What one rule said, in its words. In the mode `warn` it has no effect on the outcome."""

    rule = serializers.CharField()
    version = serializers.IntegerField()
    mode = serializers.ChoiceField(Mode.choices, default=Mode.BLOCK)
    outcome = serializers.ChoiceField(OutcomeKind.choices)
    text = serializers.CharField()


class FactorShape(Shape):
    """What makes an access riskier, and how much it weighs."""

    name = serializers.CharField()
    weight = serializers.IntegerField()


class RiskShape(Shape):
    """How risky an access is: the score is the sum of the factors' weights, the tier follows from it."""

    tier = serializers.ChoiceField(Risk.choices)
    score = serializers.IntegerField()
    factors = FactorShape(many=True)


class PolicyShape(Shape):
    """What policy said of an item, and why. Decisions of earlier versions know neither cadence nor risk."""

    allowed = serializers.BooleanField()
    cap_seconds = Seconds(source="cap")
    latest_end = serializers.DateTimeField()
    cadence_seconds = Seconds(source="cadence", allow_null=True)
    risk = serializers.SerializerMethodField()
    reasons = ReasonShape(many=True, source="told")

    @extend_schema_field(RiskShape(allow_null=True))
    def get_risk(self, said: Any) -> dict[str, Any] | None:
        """Risk of a recorded decision, or of a verdict that is foreseen, as the facts keep it."""
        kept = said["risk"] if isinstance(said, dict) else said.risk
        if kept is None:
            return None
        factors = [{"name": name, "weight": weight} for name, weight in explained(kept)]
        return {"tier": kept["tier"], "score": kept["score"], "factors": factors}


class ItemShape(Shape):
    """One entitlement of a request, its way, and the grant it became."""

    id = serializers.UUIDField()
    entitlement = NamedEntitlement()
    state = serializers.ChoiceField(ItemState.choices)
    state_reason = serializers.CharField()
    bundle = serializers.CharField(
        source="bundle_version.bundle.key", allow_null=True, help_text="The bundle it is asked for by."
    )
    policy = PolicyShape(source="policy_decision")
    steps = StepShape(many=True)
    grant_id = serializers.UUIDField(allow_null=True)


class QuestionShape(Shape):
    """An approver's question that waits for the requester's answer."""

    id = serializers.UUIDField()
    asked_by = Named()
    question = serializers.CharField()
    asked_at = serializers.DateTimeField()


class RequestShape(Shape):
    """Who asks, for whom, which items, for which purpose, why, for how long; either a term or an end."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    batch_id = serializers.UUIDField(source="form_token", help_text="The same for all that one form asked for.")
    state = serializers.ChoiceField(RequestState.choices)
    requester = Named()
    beneficiary = Named()
    purpose = NamedPurpose()
    justification = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    renews_id = serializers.UUIDField(allow_null=True, help_text="The grant that it is to follow without a gap.")
    term_seconds = Seconds(source="term", allow_null=True)
    wanted_until = serializers.DateTimeField(allow_null=True)
    submitted_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    items = ItemShape(many=True, source="shown_items")
    questions = QuestionShape(many=True)


FOR_WHOM = "Oneself, a teammate (of the same manager, or whom one manages), or a machine identity that one owns."


class TermBody(Body):
    """How long, and why: either `term_seconds`, counted from activation, or `until`."""

    justification = Text(min_length=SHORTEST_JUSTIFICATION, help_text="Approvers read this first.")
    term_seconds = Whole(required=False, min_value=60, max_value=LONGEST_TERM_SECONDS)
    until = Moment(required=False)


class WishBody(TermBody):
    """What is asked for: entitlements, and all that bundles hold. It begins at once unless `starts_at` is said."""

    entitlements = serializers.ListField(child=Id(), required=False, default=list, max_length=MOST_ITEMS)
    bundles = serializers.ListField(child=Id(), required=False, default=list, max_length=MOST_ITEMS)
    purpose = Id(help_text="An active purpose.")
    starts_at = Moment(required=False)


class SubmitBody(WishBody):
    """A request as somebody states it."""

    beneficiary = Id(help_text=FOR_WHOM)


class AnswerBody(Body):
    """The answer to an approver's question."""

    question = Id()
    answer = Text(min_length=1)


class ForeseenItemShape(Shape):
    """What policy would say of one entitlement."""

    entitlement = NamedEntitlement()
    policy = PolicyShape()


class ForeseenStepShape(Shape):
    """A step to be, and whom it would ask."""

    entitlement_id = serializers.UUIDField()
    kind = serializers.ChoiceField(StepKind.choices)
    target = serializers.CharField()
    asked = serializers.ListField(child=serializers.CharField())


class RefusalShape(Shape):
    """Why it could not be sent as it stands."""

    field = serializers.CharField()
    detail = serializers.CharField()


class PreviewShape(Shape):
    """What would follow if this were submitted now. Nothing is stored."""

    items = ForeseenItemShape(many=True)
    steps = ForeseenStepShape(many=True)
    refusals = RefusalShape(many=True)


def whole(found: Sequence[AccessRequest], actor: Actor, now: datetime) -> Sequence[AccessRequest]:
    """The requests with the ways of their items, their grants and open questions, in a constant number of queries.

    What policy said of each is in words for the actor.
    """
    items = [item for request in found for item in request.items.all()]
    ids = [item.pk for item in items]
    routes = routes_of(ids)
    grants = dict(Grant.objects.filter(source_id__in=ids).values_list("source_id", "pk"))
    asked: dict[UUID, list[Any]] = {}
    for question in queries.questions_about(ids):
        asked.setdefault(question.step.route.subject_id, []).append(question)
    said = told([item.policy_decision for item in items], actor, now)
    for item in items:
        item.policy_decision = said[item.policy_decision_id]
        item.steps, item.grant_id = routes.get(item.pk, []), grants.get(item.pk)  # type: ignore[attr-defined]
    for request in found:
        own = sorted(request.items.all(), key=lambda item: item.pk)
        request.shown_items = own  # type: ignore[attr-defined]  # for the answer alone
        request.questions = [one for item in own for one in asked.get(item.pk, [])]  # type: ignore[attr-defined]
    return found


class _Requests:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = RequestFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[AccessRequest]":
        """From the permissions of requests."""
        related = ("items__policy_decision", "items__bundle_version__bundle")
        return permissions.visible(self.actor, self.now).with_names().prefetch_related(*related)

    def rows(self, found: Sequence[AccessRequest]) -> Sequence[AccessRequest]:
        """With all that they lead to."""
        return whole(found, self.actor, self.now)

    def whole(self, found: AccessRequest) -> AccessRequest:
        """With all that it leads to."""
        return whole([found], self.actor, self.now)[0]


class RequestList(_Requests, bases.MakeEndpoint):
    """Requests by, for or waiting on the caller; all for those who oversee. Newest first."""

    operations = {
        "GET": Operation("request_list", "List requests", Scope.READ, RequestShape, listed=True),
        "POST": Operation("request_submit", "Submit a request", Scope.REQUEST, RequestShape, 201, SubmitBody),
    }

    address = "api-request-detail"

    def make(self, given: Mapping[str, Any], token: UUID) -> AccessRequest:
        """File it, and have policy decide on each item. What a policy rule denies is recorded as denied."""
        draft = stated(given, given["beneficiary"], token)
        try:
            return actions.submit(draft=draft, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid(missing([draft], self.actor, self.now)) from refusal
        except Invalid as refusal:
            raise refusal.renamed({"form_token": idempotency.HEADER}) from refusal


class RequestExport(_Requests, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("request_export", "Export requests", Scope.EXPORT, None)}
    table = tables.REQUESTS


def stated(given: Mapping[str, Any], beneficiary_id: UUID, token: UUID) -> Draft:
    """The request that a body states for one beneficiary."""
    starts_at = given.get("starts_at")
    term, until = term_of(given)
    return Draft(
        beneficiary_id=beneficiary_id,
        entitlement_ids=tuple(dict.fromkeys(given["entitlements"])),
        purpose_id=given["purpose"],
        justification=given["justification"],
        term=term,
        until=until,
        form_token=token,
        bundle_ids=tuple(dict.fromkeys(given["bundles"])),
        starts_at=starts_at.astimezone(UTC) if starts_at else None,
    )


def term_of(given: Mapping[str, Any]) -> tuple[timedelta | None, datetime | None]:
    """The length or the end that a body states."""
    term, until = given.get("term_seconds"), given.get("until")
    return timedelta(seconds=term) if term is not None else None, until.astimezone(UTC) if until else None


def missing(drafts: Sequence[Draft], actor: Any, now: Any) -> dict[str, str]:
    """What of the drafts of one form the actor may not ask for, by field."""
    found, draft, people = {}, drafts[0], {draft.beneficiary_id for draft in drafts}
    if queries.beneficiaries(actor, now).filter(pk__in=people).count() != len(people):
        found["beneficiary"] = "You ask for yourself, for teammates, or for active machine identities that you own."
    if not Purpose.objects.active(now).filter(pk=draft.purpose_id).exists():
        found["purpose"] = "Access rests on an active purpose, and this is none."
    if Entitlement.objects.requestable().filter(pk__in=draft.entitlement_ids).count() != len(draft.entitlement_ids):
        found["entitlements"] = "One of these is not in the catalog."
    if Bundle.objects.filter(pk__in=draft.bundle_ids, state=BundleState.ACTIVE).count() != len(draft.bundle_ids):
        found["bundles"] = "One of these is no bundle that can be asked for."
    return found or {"beneficiary": "Only an active identity asks."}


class RequestPreview(bases.Endpoint):
    """What would follow if this were submitted now. Nothing is stored."""

    tag = TAG
    operations = {"POST": Operation("request_preview", "Foresee a request", Scope.READ, PreviewShape, body=SubmitBody)}

    def post(self, request: Request) -> Response:
        """What policy would say, whom it would ask, and what is in the way."""
        given = self.sent(request)
        draft = stated(given, given["beneficiary"], uuid4())
        try:
            proposal = actions.preview(draft=draft, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid(missing([draft], self.actor, self.now)) from refusal
        wrong = refusals([proposal], self.now)
        return Response(self.told(request, {**foreseen(proposal, self.now, wrong), "refusals": refused(wrong)}))


def refused(wrong: Mapping[str, str]) -> list[dict[str, str]]:
    """What is in the way, field by field."""
    return [{"field": name, "detail": said} for name, said in wrong.items()]


def foreseen(proposal: Proposal, now: datetime, wrong: Mapping[str, str]) -> dict[str, Any]:
    """What policy would say of each item, and whom it would ask where nothing is in the way."""
    denied = bool(wrong) or not all(verdict.allowed for _, verdict in proposal.verdicts)
    return {
        "items": [{"entitlement": what, "policy": _verdict(said)} for what, said in proposal.verdicts],
        "steps": [
            {"entitlement_id": one.entitlement.pk, "kind": one.plan.kind, "target": one.plan.target_label}
            | {"asked": one.names}
            for one in ([] if denied else actions.foreseen(proposal, now))
        ],
    }


def _verdict(verdict: Any) -> dict[str, Any]:
    """A verdict as a recorded decision says it."""
    reasons = [
        {"rule": one.rule_key, "version": one.version, "mode": one.mode, "outcome": one.outcome, "text": one.text}
        for one in verdict.told
    ]
    return {
        "allowed": verdict.allowed,
        "cap": verdict.cap,
        "latest_end": verdict.latest_end,
        "cadence": verdict.cadence,
        "risk": asdict(verdict.facts.risk),
        "told": reasons,
    }


class RequestDetail(_Requests, bases.OneEndpoint):
    """One request, with the ways of its items."""

    operations = {"GET": Operation("request_read", "Read a request", Scope.READ, RequestShape, conditional=True)}


class RequestWithdraw(_Requests, bases.ActEndpoint):
    """Taking a request back while anything of it waits."""

    operations = {
        "POST": Operation(
            "request_withdraw",
            "Withdraw a request",
            Scope.REQUEST,
            RequestShape,
            body=MaybeReasonBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> AccessRequest:
        """Take it back."""
        return actions.withdraw(request_id=pk, actor=self.actor, reason=given["reason"], now=self.now, as_seen=as_seen)


class RequestAnswer(_Requests, bases.ActEndpoint):
    """Answering an approver's question; the step opens again."""

    operations = {
        "POST": Operation(
            "request_answer", "Answer a question", Scope.REQUEST, RequestShape, body=AnswerBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> AccessRequest:
        """Send the answer."""
        self.found(pk)
        said: dict[str, Any] = {"question_id": given["question"], "text": given["answer"]}
        try:
            return actions.answer(request_id=pk, **said, actor=self.actor, now=self.now, as_seen=as_seen)
        except NotFound as refusal:
            raise Invalid({"question": "No question of this request with this id waits for an answer."}) from refusal
