"""The API's description of itself, and the answer at addresses that it does not have."""

from typing import Any

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.core.errors import NotFound


class Description(SpectacularJSONAPIView):
    """The OpenAPI description, for everybody who has signed in or brings a token."""

    http_method_names = ("get", "head")
    permission_classes = (IsAuthenticated,)


class Unknown(APIView):
    """Every address under /api/ that is none: it says so to everybody, whatever the method."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    schema = None

    def get(self, request: Request, *_args: Any, **_kwargs: Any) -> Response:
        """Refuse. Raises NotFound."""
        raise NotFound("There is no such address.")

    post = put = patch = delete = options = get
