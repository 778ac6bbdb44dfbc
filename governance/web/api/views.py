"""The documentation of the API, drawn in the browser from its description."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from governance.web import bases


@method_decorator(csp_update({"img-src": [SELF, "data:"]}), name="dispatch")
class ApiDocs(bases.Page):
    """Every operation, to read and to try. Its icons are images within the stylesheet."""

    http_method_names = bases.READS
    template_name = "api/docs.html"

    def get(self, _request: HttpRequest) -> HttpResponse:
        """The page; its script asks for the description."""
        return self.draw({})
