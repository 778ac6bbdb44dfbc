"""Asking for several at once, for leases to go on, and what there is to ask for; forms that were put aside."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases, idempotency
from governance.api.approvals import LONGEST_TERM_SECONDS
from governance.api.fields import Body, Id, Moment, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.requests import (
    FOR_WHOM,
    TAG,
    ForeseenItemShape,
    ForeseenStepShape,
    RefusalShape,
    RequestShape,
    TermBody,
    WishBody,
    foreseen,
    missing,
    refused,
    stated,
    term_of,
    whole,
)
from governance.api.shapes import Named, NamedEntitlement, NoBody
from governance.core.errors import Invalid, NotFound
from governance.core.moves import plain
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.requests import actions, permissions, queries, suggesting
from governance.requests.models import AccessRequest, RequestDraft
from governance.requests.proposing import refusals
from governance.requests.rules import DRAFTS_KEPT, MOST_BENEFICIARIES, MOST_ITEMS, Draft, Renewal
from governance.requests.states import DraftState
from governance.users.states import Scope


class BeneficiaryShape(Named):
    """An identity that one may ask for."""

    kind = serializers.ChoiceField(Kind.choices)


class BeneficiaryList(bases.ListEndpoint):
    """Whom the caller may ask for: themselves, teammates, and the machine identities they own."""

    tag = TAG
    operations = {
        "GET": Operation(
            "request_beneficiaries", "List whom one may ask for", Scope.READ, BeneficiaryShape, listed=True
        )
    }
    keyset = Keyset(("id",))
    filters = NoFilter

    def visible(self) -> "QuerySet[Identity]":
        """From the queries of requests."""
        return queries.beneficiaries(self.actor, self.now)


class CartPreviewBody(WishBody):
    """What is asked for, and for whom: each of them gets a request of their own."""

    beneficiaries = serializers.ListField(child=Id(help_text=FOR_WHOM), min_length=1, max_length=MOST_BENEFICIARIES)


class CartBody(CartPreviewBody):
    """The same, with the draft that it was, if it was one."""

    draft = Id(required=False, help_text="A draft of the caller's, which is closed with it.")


class CartShape(Shape):
    """What one form has filed."""

    batch_id = serializers.UUIDField()
    requests = RequestShape(many=True)


class CartSubmit(bases.Endpoint):
    """Asking for several beneficiaries at once: all is filed, or nothing."""

    tag = TAG
    operations = {
        "POST": Operation("request_cart", "Submit requests for several", Scope.REQUEST, CartShape, 201, CartBody)
    }

    def post(self, request: Request) -> Response:
        """File a request for each, once."""
        given, token = self.sent(request), idempotency.token_for(request, self.actor, uuid4())
        return idempotency.once(request, self.actor, lambda: self._made(request, given, token))

    def _made(self, request: Request, given: Mapping[str, Any], token: UUID) -> Response:
        drafts = _cart(given, token)
        try:
            filed = actions.submit_all(drafts=drafts, draft_id=given.get("draft"), actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid(_missing(drafts, given, self)) from refusal
        except Invalid as refusal:
            raise refusal.renamed({"form_token": idempotency.HEADER, "beneficiary": "beneficiaries"}) from refusal
        found = _shown(self, [one.pk for one in filed])
        return Response(self.told(request, {"batch_id": token, "requests": found}), status=201)


def _shown(endpoint: bases.Endpoint, ids: Sequence[UUID]) -> Sequence[AccessRequest]:
    """The requests with all that they lead to, in the order of the ids."""
    rows = permissions.visible(endpoint.actor, endpoint.now).with_names()
    related = ("items__policy_decision", "items__bundle_version__bundle")
    found = {row.pk: row for row in rows.filter(pk__in=ids).prefetch_related(*related)}
    return whole([found[pk] for pk in ids], endpoint.actor, endpoint.now)


def _cart(given: Mapping[str, Any], token: UUID) -> list[Draft]:
    people = given["beneficiaries"]
    return stated(given, people[0], token).each(people)


def _missing(drafts: Sequence[Draft], given: Mapping[str, Any], endpoint: bases.Endpoint) -> dict[str, str]:
    own, draft_id = permissions.visible_drafts(endpoint.actor), given.get("draft")
    if draft_id and not own.filter(pk=draft_id).exists():
        return {"draft": "There is no such draft of yours."}
    found = missing(drafts, endpoint.actor, endpoint.now)
    return {"beneficiaries" if name == "beneficiary" else name: said for name, said in found.items()}


class ForeseenShape(Shape):
    """What would follow for one beneficiary."""

    beneficiary = Named()
    items = ForeseenItemShape(many=True)
    steps = ForeseenStepShape(many=True)


class CartForeseenShape(Shape):
    """What would follow if this were submitted now. Nothing is stored."""

    beneficiaries = ForeseenShape(many=True)
    refusals = RefusalShape(many=True)


class CartPreview(bases.Endpoint):
    """What would follow for each of several beneficiaries if this were submitted now. Nothing is stored."""

    tag = TAG
    operations = {
        "POST": Operation(
            "request_cart_preview", "Foresee requests for several", Scope.READ, CartForeseenShape, body=CartPreviewBody
        )
    }

    def post(self, request: Request) -> Response:
        """What policy would say of each, whom it would ask, and what is in the way."""
        given = self.sent(request)
        drafts = _cart(given, uuid4())
        try:
            proposals = actions.preview_all(drafts=drafts, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid(_missing(drafts, given, self)) from refusal
        wrong = refusals(proposals, self.now)
        each = [{"beneficiary": one.beneficiary, **foreseen(one, self.now, wrong)} for one in proposals]
        return Response(self.told(request, {"beneficiaries": each, "refusals": refused(wrong)}))


class LikeBody(Body):
    """A colleague, and whoever is to hold what they hold."""

    colleague = Id()
    beneficiary = Id(help_text=FOR_WHOM)


class LikenessShape(Shape):
    """What the colleague holds and the beneficiary does not; `closed` says why it can't be asked for, if it can't."""

    entitlement = NamedEntitlement()
    closed = serializers.CharField()


class LikeShape(Shape):
    """All of it, as far as the caller sees it."""

    items = LikenessShape(many=True)


class Like(bases.Endpoint):
    """What a colleague holds and the beneficiary does not, of what the caller may see."""

    tag = TAG
    operations = {"POST": Operation("request_like", "Compare with a colleague", Scope.READ, LikeShape, body=LikeBody)}

    def post(self, request: Request) -> Response:
        """What is missing, what can be asked for first."""
        given = self.sent(request)
        colleague = suggesting.colleagues(self.actor, self.now).filter(pk=given["colleague"]).first()
        if colleague is None:
            raise Invalid({"colleague": "You see nothing of what they hold."})
        holder = _beneficiary(self, given["beneficiary"])
        found = suggesting.like(colleague, holder, self.actor, self.now)
        return Response(self.told(request, {"items": found}))


def _beneficiary(endpoint: bases.Endpoint, pk: UUID) -> Identity:
    found = queries.beneficiaries(endpoint.actor, endpoint.now).filter(pk=pk).first()
    if found is None:
        raise Invalid(
            {"beneficiary": "You ask for yourself, for teammates, or for active machine identities that you own."}
        )
    return found


class ForBody(Body):
    """Whoever is to hold it."""

    beneficiary = Id(help_text=FOR_WHOM)


class OfferedBundleShape(Shape):
    """A bundle that can be asked for, and what it holds."""

    id = serializers.UUIDField(source="version.bundle_id")
    key = serializers.CharField(source="version.bundle.key")
    name = serializers.CharField(source="version.bundle.name")
    entitlement_ids = serializers.SerializerMethodField()

    def get_entitlement_ids(self, bundle: Any) -> list[str]:
        """All that it holds."""
        return sorted(str(pk) for pk in bundle.entitlement_ids)


class OfferShape(Shape):
    """Either an entitlement or a bundle, and why it is suggested."""

    why = serializers.CharField()
    entitlement = NamedEntitlement(allow_null=True)
    bundle = OfferedBundleShape(allow_null=True)


class OffersShape(Shape):
    """What the beneficiary may want, with reasons, and the bundles that can be asked for."""

    suggestions = OfferShape(many=True)
    bundles = OfferedBundleShape(many=True)


class Suggestions(bases.Endpoint):
    """What a beneficiary may want to ask for, each with its reason."""

    tag = TAG
    operations = {
        "POST": Operation("request_suggestions", "Suggest what to ask for", Scope.READ, OffersShape, body=ForBody)
    }

    def post(self, request: Request) -> Response:
        """Bundles whose criteria hold, and what peers hold."""
        holder = _beneficiary(self, self.sent(request)["beneficiary"])
        offered = suggesting.requestable_bundles([holder], self.now)
        found = suggesting.suggestions(holder, offered, self.actor, self.now)
        return Response(self.told(request, {"suggestions": found, "bundles": offered}))


class Renew(bases.Endpoint):
    """Asking that a lease go on: by another one that begins where it ends."""

    tag = TAG
    operations = {"POST": Operation("grant_renew", "Renew a grant", Scope.REQUEST, RequestShape, 201, TermBody)}

    def post(self, request: Request, pk: UUID) -> Response:
        """File the request, once."""
        given, token = self.sent(request), idempotency.token_for(request, self.actor, uuid4())
        return idempotency.once(request, self.actor, lambda: self._made(request, pk, given, token))

    def _made(self, request: Request, pk: UUID, given: Mapping[str, Any], token: UUID) -> Response:
        term, until = term_of(given)
        renewal = Renewal(given["justification"], term, until, token)
        try:
            filed = actions.renew(grant_id=pk, renewal=renewal, actor=self.actor, now=self.now)
        except Invalid as refusal:
            raise refusal.renamed({"form_token": idempotency.HEADER}) from refusal
        (found,) = _shown(self, [filed.pk])
        return Response(self.told(request, found), status=201)


# Drafts ---------------------------------------------------------------------------------------------------------------


class KeptBody(Body):
    """A form as far as it goes. Nothing of it is judged, and all of it may be left out."""

    beneficiaries = serializers.ListField(child=Id(), required=False, max_length=MOST_BENEFICIARIES)
    entitlements = serializers.ListField(child=Id(), required=False, max_length=MOST_ITEMS)
    bundles = serializers.ListField(child=Id(), required=False, max_length=MOST_ITEMS)
    purpose = Id(required=False)
    justification = Text(required=False, allow_blank=True)
    term_seconds = Whole(required=False, min_value=60, max_value=LONGEST_TERM_SECONDS)
    until = Moment(required=False)
    starts_at = Moment(required=False)


class DraftContentShape(Shape):
    """What it says."""

    beneficiaries = serializers.ListField(child=serializers.UUIDField())
    entitlements = serializers.ListField(child=serializers.UUIDField())
    bundles = serializers.ListField(child=serializers.UUIDField())
    purpose = serializers.UUIDField(allow_null=True)
    justification = serializers.CharField(allow_blank=True)
    term_seconds = serializers.IntegerField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)


class DraftShape(Shape):
    """A form that was put aside, which nobody else sees."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(DraftState.choices)
    saved_at = serializers.DateTimeField()
    kept_until = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField()

    def get_kept_until(self, draft: RequestDraft) -> str:
        """When it is closed unless it is saved again."""
        return str(plain(draft.saved_at + DRAFTS_KEPT))

    @extend_schema_field(DraftContentShape)
    def get_content(self, draft: RequestDraft) -> Any:
        """What it says, and nothing where it says nothing."""
        blank = {"beneficiaries": [], "entitlements": [], "bundles": [], "justification": ""}
        nothing = dict.fromkeys(("purpose", "term_seconds", "until", "starts_at"))
        return DraftContentShape({**blank, **nothing, **draft.content}).data


class _Drafts:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[RequestDraft]":
        """The caller's own."""
        return permissions.visible_drafts(self.actor)


class DraftList(_Drafts, bases.MakeEndpoint):
    """Forms that the caller has put aside, also those that are closed; newest first."""

    operations = {
        "GET": Operation("request_draft_list", "List drafts", Scope.READ, DraftShape, listed=True),
        "POST": Operation("request_draft_keep", "Put a form aside", Scope.REQUEST, DraftShape, 201, KeptBody),
    }
    address = "api-request-draft-detail"

    def make(self, given: Mapping[str, Any], token: UUID) -> RequestDraft:  # noqa: ARG002 - a twin is discarded
        """Keep it."""
        return actions.keep_draft(content=plain(given), actor=self.actor, now=self.now)


class DraftDetail(_Drafts, bases.OneEndpoint):
    """One draft."""

    operations = {"GET": Operation("request_draft_read", "Read a draft", Scope.READ, DraftShape, conditional=True)}


class DraftSave(_Drafts, bases.ActEndpoint):
    """Saving a draft in the place of what it said."""

    operations = {
        "POST": Operation(
            "request_draft_save", "Save a draft", Scope.REQUEST, DraftShape, body=KeptBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> RequestDraft:
        """Keep what is sent."""
        return actions.keep_draft(content=plain(given), draft_id=pk, actor=self.actor, now=self.now, as_seen=as_seen)


class DraftDiscard(_Drafts, bases.ActEndpoint):
    """Closing a draft that is wanted no more."""

    operations = {
        "POST": Operation(
            "request_draft_discard", "Discard a draft", Scope.REQUEST, DraftShape, body=NoBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> RequestDraft:  # noqa: ARG002 - nothing is said
        """Close it."""
        return actions.discard_draft(draft_id=pk, actor=self.actor, now=self.now, as_seen=as_seen)
