"""The log: its events for those who answer for the portal, one event with its proof, and the proof as a file."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from governance.audit import permissions
from governance.audit.models import AuditEvent
from governance.audit.queries import proof_of, sealed_among, verifier_key
from governance.core.errors import NotFound
from governance.evidence import tables
from governance.web import bases
from governance.web.audit import present
from governance.web.audit.forms import EventPageFilter
from governance.web.paging import Keyset


def _visible(page: bases.Page) -> "QuerySet[AuditEvent]":
    """From the permissions of the log; whoever may not read it finds that there is none."""
    if not page.actor.has(*permissions.READERS):
        raise NotFound
    return permissions.visible(page.actor).select_related("body")


class EventList(bases.ListPage):
    """All events, newest first."""

    template_name = "audit/list.html"
    title, things = "Audit events", "events"
    lede = "Every change of state, as it was written. Nothing here can be altered or removed."
    filters = EventPageFilter
    table = tables.EVENTS
    keyset = Keyset(("sequence",))
    empty = "Nothing has happened yet."

    def visible(self) -> "QuerySet[AuditEvent]":
        """From the permissions of the log."""
        return _visible(self)

    def rows(self, found: Sequence[AuditEvent]) -> list[present.Row]:
        """As lines."""
        return present.rows(found, sealed_among([event.sequence for event in found]))

    def context(self) -> dict[str, Any]:
        """What only links filter by, in words, with a way back to the whole list."""
        form = EventPageFilter(self.request.GET, queryset=self.visible()).form
        given = form.cleaned_data if form.is_valid() else {}
        return {"chips": present.chips(self.request.GET, given.get("subject"), given.get("actor"))}


class EventPage(bases.DetailPage):
    """One event: its canonical line, its hash, and the proof that the tree holds it."""

    template_name = "audit/detail.html"

    def visible(self) -> "QuerySet[AuditEvent]":
        """From the permissions of the log."""
        return _visible(self)

    def context(self, found: AuditEvent) -> dict[str, Any]:
        """The event and its proof."""
        proof = proof_of(found)
        return {
            "event": present.detail(found, proof),
            "inclusion": present.inclusion(proof) if proof else None,
            "verifier_key": verifier_key(),
        }


class EventProof(bases.Page):
    """The inclusion proof with its checkpoint as one file, to be checked without us."""

    http_method_names = bases.READS

    def get(self, _request: HttpRequest, pk: int) -> HttpResponse:
        """The file (c2sp.org/tlog-proof)."""
        proof = proof_of(bases.found(_visible(self), pk))
        if proof is None:
            raise NotFound
        response = HttpResponse(proof.text, content_type="text/plain; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="event-{pk}.tlog-proof"'
        return response
