"""People feeds: the sources, their files with what each would do or did, and the yes or no to one."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases
from governance.api.fields import Body, Content, Id, Seconds, Shape, Text
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import MaybeReasonBody, Named, NamedPurpose
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.identities.states import Kind, Status
from governance.lifecycle import feeds, permissions
from governance.lifecycle.filters import RunFilter
from governance.lifecycle.models import FeedRun, Source
from governance.lifecycle.states import Absence, DateForm, Encoding, RunState
from governance.users.states import Scope

TAG = "People feeds"
LARGEST = 10 * 1024 * 1024
"""Bytes of a file; a larger one is handed in on the page or by `manage.py import_people`."""


class SourceShape(Shape):
    """Where identities of people come from, and how its files are read."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    columns = serializers.JSONField(help_text="The heading of each field, or `heading` and what is read `after`.")
    statuses = serializers.DictField(child=serializers.CharField())
    kinds = serializers.DictField(child=serializers.CharField())
    date_form = serializers.ChoiceField(DateForm.choices)
    encoding = serializers.ChoiceField(Encoding.choices)
    absence = serializers.ChoiceField(Absence.choices)
    most_ended = serializers.IntegerField(help_text="Percent of those who stand; a file that ends more is held.")
    external_purpose = NamedPurpose(allow_null=True)
    external_term_seconds = Seconds(source="external_term", allow_null=True)


class CountsShape(Shape):
    """What a file does, in figures."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    ended = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rejected = serializers.IntegerField()
    repeated = serializers.IntegerField(required=False)
    missing = serializers.IntegerField(required=False)
    standing = serializers.IntegerField(required=False)
    failed = serializers.IntegerField(required=False)
    ending = serializers.IntegerField(required=False, help_text="Given a last day to come, or a nearer one.")


class RunShape(Shape):
    """One file of a source: what it would do, who said yes or no, and what it did."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    source = Named()  # type: ignore[assignment]  # the metaclass takes it out of the class
    file_name = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the file, in hexadecimal.")
    strict = serializers.BooleanField()
    state = serializers.ChoiceField(RunState.choices)
    state_reason = serializers.CharField()
    read_by = serializers.CharField()
    read_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    foreseen = CountsShape(source="preview.counts")
    done = CountsShape(source="outcome.counts", allow_null=True)


class JoinerShape(Shape):
    """Somebody whom the file creates."""

    row = serializers.IntegerField()
    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(Kind.choices)
    state = serializers.ChoiceField(Status.choices)
    title = serializers.CharField()
    department = serializers.CharField()
    manager = serializers.CharField()
    ends_at = serializers.CharField(allow_null=True)


class MoverShape(Shape):
    """Somebody whom the file changes."""

    id = serializers.UUIDField()
    row = serializers.IntegerField()
    name = serializers.CharField()
    changes = serializers.SerializerMethodField()
    states = serializers.ListField(child=serializers.ChoiceField(Status.choices))

    def get_changes(self, mover: Mapping[str, Any]) -> list[dict[str, str]]:
        """Each field as it becomes."""
        return [{"field": name, "value": value} for name, value in mover["changes"]]


class LeaverShape(Shape):
    """Somebody whom the file ends, and what that takes with it. Who is merely missing has no row."""

    id = serializers.UUIDField()
    row = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    why = serializers.CharField()
    grants = serializers.IntegerField(help_text="Grants that end.")
    owned = serializers.IntegerField(help_text="Things owned that pass on.")
    answered = serializers.IntegerField(help_text="Grants answered for that pass on.")


class RejectedShape(Shape):
    """A row that changes nothing, and why."""

    row = serializers.IntegerField()
    key = serializers.CharField()
    reason = serializers.CharField()


class FailedShape(Shape):
    """Somebody who could not be ended, created or changed, and why."""

    row = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    reason = serializers.CharField()


class WholeRunShape(RunShape):
    """The same with its rows: the first 200 people of each kind, every bad row, and for whom it could not be done."""

    created = JoinerShape(many=True, source="preview.created")
    updated = MoverShape(many=True, source="preview.updated")
    ended = LeaverShape(many=True, source="preview.ended")
    rejected = RejectedShape(many=True)
    failed = FailedShape(many=True, source="shown_failed")


class FileBody(Body):
    """One file of one source."""

    source = Id()  # type: ignore[assignment]  # the metaclass takes it out of the class
    file_name = Text(min_length=1, max_length=255)
    content = Content(most=LARGEST, help_text="Base64 of the file as the source writes it, 10 MiB at most.")
    strict = serializers.BooleanField(default=False, help_text="Take all rows, or none when one is bad.")


class _Sources:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("key",), descending=False)
    filters = NoFilter
    actor: Any

    def visible(self) -> "QuerySet[Source]":
        """From the permissions of feeds."""
        return permissions.visible_sources(self.actor).select_related("external_purpose")


class SourceList(_Sources, bases.ListEndpoint):
    """Sources, for administrators and auditors; nobody else finds any."""

    operations = {"GET": Operation("source_list", "List sources", Scope.READ, SourceShape, listed=True)}


class SourceDetail(_Sources, bases.OneEndpoint):
    """One source."""

    operations = {"GET": Operation("source_read", "Read a source", Scope.READ, SourceShape, conditional=True)}


class _Runs:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = RunFilter
    actor: Any

    def visible(self) -> "QuerySet[FeedRun]":
        """From the permissions of feeds."""
        return permissions.visible_runs(self.actor).select_related("source")

    def whole(self, found: FeedRun) -> FeedRun:
        """With those for whom it could not be done."""
        found.shown_failed = (found.outcome or {}).get("failed", [])  # type: ignore[attr-defined]
        return found


class RunList(_Runs, bases.MakeEndpoint):
    """Every file that was handed in, newest first, for administrators and auditors; nobody else finds any."""

    operations = {
        "GET": Operation("feed_run_list", "List files of people feeds", Scope.READ, RunShape, listed=True),
        "POST": Operation("feed_run_hand_in", "Hand a file in", Scope.FEED, WholeRunShape, 201, FileBody),
    }
    most_bytes: ClassVar[int] = 15 * 1024 * 1024

    address = "api-feed-run-detail"

    def post(self, request: Request, **where: UUID) -> Response:
        """Hand it in, as somebody who may: asked before a large body is read."""
        permissions.require_feeds(self.actor)
        return super().post(request, **where)

    def make(self, given: Mapping[str, Any], _token: UUID) -> FeedRun:
        """Read a file and foresee what it would do. Nothing else changes before it is accepted."""
        said: dict[str, Any] = {name: given[name] for name in ("file_name", "content", "strict")}
        try:
            return feeds.read_file(source_id=given["source"], **said, actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid({"source": "There is no such source."}) from refusal
        except Invalid as refusal:
            raise refusal.renamed({"file": "content"}) from refusal


class RunExport(_Runs, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("feed_run_export", "Export files of people feeds", Scope.EXPORT, None)}
    table = tables.FEED_RUNS


class RunDetail(_Runs, bases.OneEndpoint):
    """One file with its rows: what it would do, or did."""

    operations = {
        "GET": Operation("feed_run_read", "Read a file of a people feed", Scope.READ, WholeRunShape, conditional=True)
    }


def _decision(verb: str, summary: str) -> dict[str, Operation]:
    name = f"feed_run_{verb}"
    return {"POST": Operation(name, summary, Scope.FEED, WholeRunShape, body=MaybeReasonBody, conditional=True)}


class RunAccept(_Runs, bases.ActEndpoint):
    """Having a file applied, in the background: `done` says what came of it. A held one needs a reason."""

    operations = _decision("accept", "Have a file applied")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> FeedRun:
        """Say yes."""
        return feeds.accept(run_id=pk, actor=self.actor, reason=given["reason"], now=self.now, as_seen=as_seen)


class RunDiscard(_Runs, bases.ActEndpoint):
    """Having a file not applied. Nothing has changed, and the file is kept no longer."""

    operations = _decision("discard", "Discard a file")

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> FeedRun:
        """Say no."""
        return feeds.discard(run_id=pk, actor=self.actor, reason=given["reason"], now=self.now, as_seen=as_seen)
