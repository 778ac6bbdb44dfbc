"""The log: its events for those who answer for the portal, and the proof that the tree holds one of them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.query import checked
from governance.audit import permissions
from governance.audit.filters import EventFilter
from governance.audit.models import AuditEvent
from governance.audit.queries import proof_of, sealed_among
from governance.core.errors import NotFound
from governance.core.paging import Keyset
from governance.evidence import tables
from governance.users.states import Scope

TAG = "Audit events"
PROOF = "text/plain"


class EventShape(Shape):
    """One entry of the log."""

    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    subject_kind = serializers.CharField()
    subject_id = serializers.UUIDField()
    actor_kind = serializers.CharField()
    actor_id = serializers.UUIDField(allow_null=True)
    leaf_hash = serializers.SerializerMethodField(help_text="SHA-256 in hexadecimal: the leaf of the tree.")
    line = serializers.SerializerMethodField(
        allow_null=True,
        help_text="What it says, in its canonical form (RFC 8785), which the leaf is a hash of; "
        "null once it has been redacted.",
    )
    sealed = serializers.BooleanField(help_text="Whether the tree holds it by now: then there is a proof.")

    def get_leaf_hash(self, event: AuditEvent) -> str:
        """The leaf's hash in hexadecimal."""
        return bytes(event.leaf_hash).hex()

    def get_line(self, event: AuditEvent) -> str | None:
        """The line, None once redacted."""
        return event.body.line if event.content is not None else None


class _Events:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("sequence",))
    filters = EventFilter
    actor: Any

    def visible(self) -> "QuerySet[AuditEvent]":
        """From the permissions of the log; whoever may not read it finds that there is none."""
        if not self.actor.has(*permissions.READERS):
            raise NotFound
        return permissions.visible(self.actor).select_related("body")

    def rows(self, found: Sequence[AuditEvent]) -> Sequence[AuditEvent]:
        """With whether each is sealed, in one query."""
        sealed = sealed_among([event.sequence for event in found])
        for event in found:
            event.sealed = event.sequence in sealed  # type: ignore[attr-defined]  # what the answer tells besides
        return found


class EventList(_Events, bases.ListEndpoint):
    """All events, newest first."""

    operations = {"GET": Operation("event_list", "List audit events", Scope.READ, EventShape, listed=True)}


class EventExport(_Events, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("event_export", "Export audit events", Scope.EXPORT, None)}
    table = tables.EVENTS


class EventDetail(_Events, bases.OneEndpoint):
    """One event."""

    operations = {"GET": Operation("event_read", "Read an audit event", Scope.READ, EventShape, conditional=True)}

    def get(self, request: Request, sequence: int) -> Response:  # type: ignore[override]  # events are numbered
        """The event; 404 for those who may not read the log as for what does not exist."""
        return super().get(request, sequence)  # type: ignore[arg-type]  # as above

    def whole(self, found: AuditEvent) -> AuditEvent:
        """With whether it is sealed."""
        return self.rows([found])[0]


class EventProof(_Events, bases.OneEndpoint):
    """The inclusion proof with its checkpoint as one file, to be checked without us (c2sp.org/tlog-proof)."""

    http_method_names: ClassVar[list[str]] = ["get"]  # type: ignore[misc]  # narrower than View's
    operations = {"GET": Operation("event_proof", "Get the proof of an event", Scope.READ, None, media=(PROOF,))}
    content_negotiation_class = bases.FileNegotiation

    def get(self, request: Request, sequence: int) -> HttpResponse:  # type: ignore[override]  # events are numbered
        """The file. Raises NotFound until the event is sealed."""
        checked(request, ())
        proof = proof_of(self.found(sequence))  # type: ignore[arg-type]  # as above
        if proof is None:
            raise NotFound
        response = HttpResponse(proof.text, content_type=f"{PROOF}; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="event-{sequence}.tlog-proof"'
        return response
