"""Access taken at once in an emergency, its review, what it exposed, and how often (docs/break-glass.md)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases, idempotency
from governance.api.fields import Body, Id, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.periods import PARAMETERS, period_of
from governance.api.query import NoFilter
from governance.api.shapes import MaybeReasonBody, Named, NamedEntitlement, NamedPurpose, ReasonBody
from governance.break_glass import actions, permissions, queries
from governance.break_glass.filters import GlassFilter
from governance.break_glass.models import BreakGlass, Exposure
from governance.break_glass.rules import (
    MOST_EXPOSED,
    MOST_INCIDENT,
    MOST_LOCATOR,
    SHORTEST_INCIDENT,
    SHORTEST_TERM,
    SHORTEST_WORDS,
    Draft,
    Exposed,
)
from governance.break_glass.states import ExposureState, GlassState, Secret
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence.break_glass import BREAK_GLASS
from governance.grants.states import GrantState
from governance.policy.consequences import LONGEST_BREAK_GLASS
from governance.users.states import Scope

TAG = "Break-glass"


class ExposureShape(Shape):
    """A credential that was exposed: where it is, never what it says."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Secret.choices)
    locator = serializers.CharField()
    state = serializers.ChoiceField(ExposureState.choices)
    rotated_by = Named(allow_null=True)
    rotated_at = serializers.DateTimeField(allow_null=True)
    evidence = serializers.CharField()


class SkippedShape(Shape):
    """A step that ordinary access would have taken, and whom it would have asked."""

    step = serializers.CharField()
    asked = serializers.ListField(child=serializers.CharField())


class GlassShape(Shape):
    """What somebody took at once, and what became of it."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    state = serializers.ChoiceField(GlassState.choices)
    holder = Named()
    entitlement = NamedEntitlement(source="grant.entitlement")
    purpose = NamedPurpose(source="grant.purpose")
    incident = serializers.CharField()
    justification = serializers.CharField()
    grant_id = serializers.UUIDField()
    grant_state = serializers.ChoiceField(GrantState.choices, source="grant.state")
    taken_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(source="grant.ends_at")
    skipped = SkippedShape(many=True)
    told = serializers.ListField(child=serializers.UUIDField(), help_text="The identities told as it happened.")
    reviewer = Named(allow_null=True)
    reviewed_at = serializers.DateTimeField(allow_null=True)
    done = serializers.CharField(help_text="What was done with it, as its review says.")
    exposures = ExposureShape(many=True, source="shown_exposures")
    closer = Named(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class TakeBody(Body):
    """What one takes for oneself, for which incident of which emergency, why, and for how long."""

    entitlement = Id()
    purpose = Id(help_text="An active emergency that justifies it.")
    incident = Text(min_length=SHORTEST_INCIDENT, max_length=MOST_INCIDENT, help_text="The incident's reference.")
    justification = Text(min_length=SHORTEST_WORDS, help_text="Security and the owners read it at once.")
    term_seconds = Whole(
        min_value=int(SHORTEST_TERM.total_seconds()), max_value=int(LONGEST_BREAK_GLASS.total_seconds())
    )


class ExposedBody(Body):
    """A credential that was exposed."""

    kind = serializers.ChoiceField(Secret.choices)
    locator = Text(min_length=1, max_length=MOST_LOCATOR, help_text="Where it is used or kept. Never what it says.")


class ReviewBody(Body):
    """What was done, and what was exposed: a list, or that nothing was."""

    done = Text(min_length=SHORTEST_WORDS)
    exposed = serializers.ListField(child=ExposedBody(), max_length=MOST_EXPOSED, required=False)
    nothing_exposed = serializers.BooleanField(default=False)


class RotatedBody(Body):
    """What shows that the old one opens nothing any more."""

    evidence = Text(min_length=1, max_length=2000)


class OftenShape(Shape):
    """How often the glass was broken by one person, in one system or for one emergency."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    count = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="How many of them are not closed.")


class ReportShape(Shape):
    """How often the glass was broken in a period, by person, by system and by emergency, the most often first."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    person = OftenShape(many=True)
    system = OftenShape(many=True)
    purpose = OftenShape(many=True)


class _Glasses:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = GlassFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[BreakGlass]":
        """From the permissions of break-glass."""
        return permissions.visible(self.actor, self.now).with_names().prefetch_related("exposures__rotated_by")

    def rows(self, found: Sequence[BreakGlass]) -> Sequence[BreakGlass]:
        """With what each exposed, in the order in which it was listed."""
        for one in found:
            one.shown_exposures = sorted(one.exposures.all(), key=lambda row: row.pk)  # type: ignore[attr-defined]
        return found

    def whole(self, found: BreakGlass) -> BreakGlass:
        """With what it exposed."""
        return self.rows([found])[0]


class GlassList(_Glasses, bases.MakeEndpoint):
    """Break-glass of the caller, of what they own, and what they were told of; all for those who oversee."""

    operations = {
        "GET": Operation("break_glass_list", "List break-glass", Scope.READ, GlassShape, listed=True),
        "POST": Operation("break_glass_take", "Break the glass", Scope.REQUEST, GlassShape, 201, TakeBody),
    }

    address = "api-break-glass-detail"

    def make(self, given: Mapping[str, Any], token: UUID) -> BreakGlass:
        """Take it, if policy allows it and the session is strong and fresh: no token's is."""
        draft = Draft(
            entitlement_id=given["entitlement"],
            purpose_id=given["purpose"],
            incident=given["incident"],
            justification=given["justification"],
            term=timedelta(seconds=given["term_seconds"]),
            form_token=token,
        )
        try:
            return actions.take(draft=draft, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid({"entitlement": "No active emergency justifies this for you."}) from refusal
        except Invalid as refusal:
            raise refusal.renamed({"form_token": idempotency.HEADER, "term": "term_seconds"}) from refusal


class GlassExport(_Glasses, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("break_glass_export", "Export break-glass", Scope.EXPORT, None)}
    table = BREAK_GLASS


class GlassDetail(_Glasses, bases.OneEndpoint):
    """One of them."""

    operations = {"GET": Operation("break_glass_read", "Read break-glass", Scope.READ, GlassShape, conditional=True)}


def _acting(verb: str, summary: str, scope: Scope, body: type[Body]) -> dict[str, Operation]:
    return {"POST": Operation(f"break_glass_{verb}", summary, scope, GlassShape, body=body, conditional=True)}


class GlassStop(_Glasses, bases.ActEndpoint):
    """Ending it as security, and with it every other lease of the same access."""

    operations = _acting("stop", "Stop break-glass", Scope.END, ReasonBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> BreakGlass:
        """Stop it."""
        said = {"break_glass_id": pk, "reason": given["reason"], "as_seen": as_seen}
        return actions.stop(**said, actor=self.actor, now=self.now)


class GlassReview(_Glasses, bases.ActEndpoint):
    """Its review, by an owner, security or the governance team, and nobody who had a part in it."""

    operations = _acting("review", "Review break-glass", Scope.DECIDE, ReviewBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> BreakGlass:
        """Write it."""
        exposed = [Exposed(**one) for one in given.get("exposed", [])]
        said: dict[str, Any] = {"done": given["done"], "nothing_exposed": given["nothing_exposed"]}
        return actions.review(
            break_glass_id=pk, exposed=exposed, **said, actor=self.actor, now=self.now, as_seen=as_seen
        )


class GlassClose(_Glasses, bases.ActEndpoint):
    """Closing it, once it is proven gone, reviewed, and all that it exposed is rotated."""

    operations = _acting("close", "Close break-glass", Scope.DECIDE, MaybeReasonBody)

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> BreakGlass:
        """Close it."""
        said = {"break_glass_id": pk, "reason": given["reason"], "as_seen": as_seen}
        return actions.close(**said, actor=self.actor, now=self.now)


class ExposureRotate(bases.ActEndpoint):
    """Marking a credential as rotated, with what shows it."""

    tag = TAG
    operations = {
        "POST": Operation(
            "exposure_rotate",
            "Mark an exposed credential as rotated",
            Scope.DECIDE,
            ExposureShape,
            body=RotatedBody,
            conditional=True,
        )
    }

    def visible(self) -> "QuerySet[Exposure]":
        """From the permissions of break-glass."""
        seen = permissions.visible(self.actor, self.now).values("pk")
        return Exposure.objects.filter(break_glass__in=seen).select_related("rotated_by")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Exposure:
        """Mark it."""
        said = {"exposure_id": pk, "evidence": given["evidence"], "as_seen": as_seen}
        return actions.rotated(**said, actor=self.actor, now=self.now)


class GlassReport(bases.Endpoint):
    """How often the glass was broken: everywhere for those who oversee, else in what the caller owns."""

    tag = TAG
    filters = NoFilter
    parameters = PARAMETERS
    operations = {"GET": Operation("break_glass_report", "Count break-glass", Scope.READ, ReportShape)}

    def get(self, request: Request) -> Response:
        """The figures of the period. Raises NotFound for those who answer for none."""
        since, until = period_of(request, self.now)
        found = queries.frequency(permissions.reports(self.actor, self.now), since, until)
        return Response(self.told(request, {"since": since, "until": until, **found}))
