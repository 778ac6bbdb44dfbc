"""How long people wait for decisions and for access (docs/analysis.md)."""

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.analysis import permissions
from governance.analysis.speed import EDGES, GROUPS, MEASURES, distributions
from governance.api import bases
from governance.api.fields import Seconds, Shape
from governance.api.operations import Operation
from governance.api.periods import PARAMETERS, SINCE, UNTIL, period_of
from governance.api.query import FORMAT, NoFilter, checked, form_of
from governance.core.moves import plain
from governance.evidence.actions import Asked, export_rows
from governance.evidence.speed import SPEED
from governance.users.states import Scope


class DistributionShape(Shape):
    """How one measure is spread over what belongs together."""

    measure = serializers.ChoiceField(MEASURES, help_text="To the decision, or to access that is verified present.")
    by = serializers.ChoiceField(GROUPS)
    id = serializers.UUIDField(allow_null=True, help_text="Of the system or owner; null for all others.")
    name = serializers.CharField()
    count = serializers.IntegerField()
    median_seconds = Seconds(source="median")
    ninetieth_seconds = Seconds(source="ninetieth", help_text="Nine in ten waited no longer.")
    buckets = serializers.ListField(child=serializers.IntegerField(), help_text="How many, between the edges.")


class SpeedShape(Shape):
    """Distributions of what was decided or fulfilled in a period; bucket n ends before edge n, the last has no end."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    edges_seconds = serializers.ListField(child=serializers.IntegerField())
    distributions = DistributionShape(many=True)


class _Speed:
    """What both have in common."""

    tag = "Speed"
    filters = NoFilter
    parameters = PARAMETERS
    actor: Any
    now: Any

    def measured(self, since: Any, until: Any) -> Any:
        """The distributions that the caller may know. Raises NotFound."""
        whose = permissions.measurable(self.actor, self.now)
        return distributions(since, until, self.now, entitlements=whose)


class Speed(_Speed, bases.Endpoint):
    """How long people waited: everywhere for those who oversee, else for what the caller owns."""

    operations = {"GET": Operation("speed_read", "Read how long people wait", Scope.READ, SpeedShape)}

    def get(self, request: Request) -> Response:
        """The distributions of the period."""
        since, until = period_of(request, self.now)
        edges = [int(edge.total_seconds()) for edge in EDGES]
        told = {"since": since, "until": until, "edges_seconds": edges, "distributions": self.measured(since, until)}
        return Response(self.told(request, told))


class SpeedExport(_Speed, bases.Endpoint):
    """The same as a file."""

    http_method_names: ClassVar[list[str]] = ["get"]  # type: ignore[misc]  # narrower than View's
    content_negotiation_class = bases.FileNegotiation
    operations = {"GET": Operation("speed_export", "Export how long people wait", Scope.EXPORT, None)}

    def get(self, request: Request) -> StreamingHttpResponse:
        """The file, in the form that is asked for."""
        since, until = period_of(request, self.now, FORMAT)
        form = form_of(checked(request, {SINCE, UNTIL, FORMAT}))
        period = {SINCE: str(plain(since)), UNTIL: str(plain(until))}
        asked = Asked(form, period, self.actor, timezone.now)
        content = export_rows(SPEED, self.measured(since, until), asked)
        response = StreamingHttpResponse(content, content_type=form.media_type)
        response["Content-Disposition"] = f'attachment; filename="{SPEED.name}.{form}"'
        return response
