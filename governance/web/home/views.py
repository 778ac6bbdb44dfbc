"""The first page: what needs the visitor, what they hold, what they answer for."""

from django.http import HttpRequest, HttpResponse

from governance.web import bases
from governance.web.home import present


class Home(bases.Page):
    """What needs the actor now, and how their access stands."""

    http_method_names = bases.READS
    template_name = "home/index.html"

    def get(self, _request: HttpRequest) -> HttpResponse:
        """The page."""
        return self.draw(present.overview(self.actor, self.now))
