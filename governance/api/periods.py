"""The period that figures are told of: in the address, or the last ninety days."""

from datetime import datetime
from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from governance.api.fields import Body, Moment
from governance.api.query import checked
from governance.core.errors import Invalid
from governance.core.filters import USUAL_PERIOD

SINCE, UNTIL = "since", "until"

PARAMETERS: Final = (
    OpenApiParameter(SINCE, OpenApiTypes.DATETIME, description="Ninety days before the end, if left out."),
    OpenApiParameter(UNTIL, OpenApiTypes.DATETIME, description="Now, if left out. It is no longer part of the period."),
)


class PeriodBody(Body):
    """A half-open period."""

    since = Moment(required=False)
    until = Moment(required=False)


def period_of(request: Request, now: datetime, *others: str) -> tuple[datetime, datetime]:
    """The period of the address, beside which `others` may stand. Raises ValidationError, Invalid."""
    query = checked(request, {SINCE, UNTIL, *others})
    read = PeriodBody(data={name: query[name] for name in (SINCE, UNTIL) if name in query})
    read.is_valid(raise_exception=True)
    until: datetime = read.validated_data.get(UNTIL, now)
    try:
        since: datetime = read.validated_data.get(SINCE) or until - USUAL_PERIOD
    except OverflowError:
        raise Invalid({UNTIL: "Nothing was measured then."}) from None
    if since >= until:
        raise Invalid({UNTIL: "A period ends later than it begins."})
    return since, until
