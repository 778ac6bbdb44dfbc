"""Rehearsals of policy: the examples kept with a rule, replays of a version over the past, and what they found."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from governance.analysis import actions as replays
from governance.analysis import permissions
from governance.analysis.actions import MOST_DAYS
from governance.analysis.filters import FindingFilter
from governance.analysis.models import Finding, Replay
from governance.analysis.states import ReplayState, Source
from governance.api import bases
from governance.api.fields import Body, Id, Shape, Text, Whole
from governance.api.operations import Operation
from governance.api.policy import TAG
from governance.api.query import NoFilter
from governance.api.shapes import MaybeReasonBody, ReasonBody
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.lifecycle.states import Fate
from governance.policy import actions
from governance.policy import permissions as policy
from governance.policy.models import PolicyExample
from governance.policy.moves import Expected
from governance.policy.states import Change, ExampleState, OutcomeKind
from governance.users.states import Scope


class ExampleShape(Shape):
    """An example kept with a rule: no version that it fails is published."""

    id = serializers.UUIDField()
    rule_id = serializers.UUIDField()
    title = serializers.CharField()
    changed_facts = serializers.JSONField(help_text="What differs from the ordinary example, as decisions keep facts.")
    applies = serializers.BooleanField()
    outcome = serializers.ChoiceField(OutcomeKind.choices, allow_blank=True)
    state = serializers.ChoiceField(ExampleState.choices)


class ExampleBody(Body):
    """An example, and why it is kept."""

    title = Text(min_length=1, max_length=200)
    changed_facts = serializers.DictField(help_text="Facts by their full name, as decisions keep them.")
    applies = serializers.BooleanField()
    outcome = serializers.ChoiceField(OutcomeKind.choices, required=False, allow_blank=True, default="")
    why = Text(min_length=1, max_length=2000)


class _Examples:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = NoFilter
    actor: Any
    now: Any
    kwargs: Any

    def visible(self) -> "QuerySet[PolicyExample]":
        """Of the rules that the caller may see."""
        return PolicyExample.objects.filter(rule__in=policy.visible(self.actor, self.now)).select_related("rule")


class ExampleList(_Examples, bases.MakeEndpoint):
    """The examples of one rule that are kept."""

    operations = {
        "GET": Operation("policy_example_list", "List the examples of a rule", Scope.READ, ExampleShape, listed=True),
        "POST": Operation("policy_example_keep", "Keep an example", Scope.POLICY, ExampleShape, 201, ExampleBody),
    }

    def visible(self) -> "QuerySet[PolicyExample]":
        """Of the rule of the address. Raises NotFound."""
        rule = policy.seen(self.actor, self.kwargs["pk"], self.now)
        return super().visible().filter(rule=rule, state=ExampleState.KEPT)

    def make(self, given: Mapping[str, Any], _token: UUID) -> PolicyExample:
        """Keep one more."""
        said = {"rule_id": self.kwargs["pk"], "title": given["title"], "why": given["why"]}
        expected = Expected(given["changed_facts"], given["applies"], given["outcome"])
        return actions.keep_example(**said, expected=expected, actor=self.actor, now=self.now)


class ExampleDrop(_Examples, bases.ActEndpoint):
    """Letting an example go."""

    operations = {
        "POST": Operation(
            "policy_example_drop", "Drop an example", Scope.POLICY, ExampleShape, body=ReasonBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Drop it."""
        return actions.drop_example(example_id=pk, actor=self.actor, why=given["reason"], now=self.now, as_seen=as_seen)


class ReplayShape(Shape):
    """A version held against the past. It changes nothing of what it reads."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    version_id = serializers.UUIDField()
    rule_key = serializers.CharField(source="version.rule.key")
    number = serializers.IntegerField(source="version.number", help_text="Of the version.")
    since = serializers.DateTimeField(help_text="Requests submitted since are replayed.")
    at = serializers.DateTimeField(help_text="Grants live at this moment are replayed.")
    state = serializers.ChoiceField(ReplayState.choices)
    state_reason = serializers.CharField()
    started_by = serializers.CharField()
    closed_at = serializers.DateTimeField(allow_null=True)
    totals = serializers.DictField(source="progress.totals", child=serializers.IntegerField())
    counts = serializers.JSONField(source="progress.counts", help_text="What has been found so far, by source.")


class ReplayBody(Body):
    """Which version, and over how many days of requests."""

    version = Id()
    days = Whole(min_value=1, max_value=MOST_DAYS)


class FindingShape(Shape):
    """One verdict that would differ."""

    number = serializers.IntegerField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]  # the metaclass takes it out
    subject_id = serializers.UUIDField()
    reference = serializers.CharField()
    decision_id = serializers.UUIDField()
    holder = serializers.CharField()
    entitlement = serializers.CharField()
    system = serializers.CharField()
    changes = serializers.ListField(child=serializers.ChoiceField(Change.choices))
    before = serializers.JSONField()
    after = serializers.JSONField()
    fate = serializers.ChoiceField([*Fate.choices, ("", "None")], help_text="Of a live lease; empty for a request.")


class _Replays:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Replay]":
        """From the permissions of analysis."""
        return permissions.visible(self.actor).select_related("version__rule", "progress")


class ReplayList(_Replays, bases.MakeEndpoint):
    """Replays, newest first, for those who oversee; nobody else finds any."""

    operations = {
        "GET": Operation("replay_list", "List replays", Scope.READ, ReplayShape, listed=True),
        "POST": Operation("replay_start", "Replay a version", Scope.POLICY, ReplayShape, 201, ReplayBody),
    }

    address = "api-replay-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> Replay:
        """Begin one. It goes on in the background, and its counts say how far it has come."""
        try:
            return replays.start(version_id=given["version"], days=given["days"], actor=self.actor, now=self.now)
        except NotFound as refusal:
            raise Invalid({"version": "There is no such version."}) from refusal


class ReplayDetail(_Replays, bases.OneEndpoint):
    """One replay, with how far it has come."""

    operations = {"GET": Operation("replay_read", "Read a replay", Scope.READ, ReplayShape, conditional=True)}


class ReplayStop(_Replays, bases.ActEndpoint):
    """Ending a replay before it has read everything. What it has found is kept."""

    operations = {
        "POST": Operation(
            "replay_stop", "Stop a replay", Scope.POLICY, ReplayShape, body=MaybeReasonBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Stop it."""
        return replays.stop(replay_id=pk, actor=self.actor, reason=given["reason"], now=self.now, as_seen=as_seen)


class _Findings:
    """What both of them have in common."""

    tag = TAG
    keyset = Keyset(("number",), descending=False)
    filters = FindingFilter
    actor: Any
    kwargs: Any

    def visible(self) -> "QuerySet[Finding]":
        """Of the replay of the address. Raises NotFound."""
        if not permissions.visible(self.actor).filter(pk=self.kwargs["pk"]).exists():
            raise NotFound
        return permissions.findings(self.actor).filter(replay=self.kwargs["pk"])


class FindingList(_Findings, bases.ListEndpoint):
    """What one replay has found, in order: the first 10,000."""

    operations = {
        "GET": Operation("replay_finding_list", "List the findings of a replay", Scope.READ, FindingShape, listed=True)
    }


class FindingExport(_Findings, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("replay_finding_export", "Export the findings of a replay", Scope.EXPORT, None)}
    table = tables.FINDINGS

    def get(self, request: Request, **_where: UUID) -> StreamingHttpResponse:
        """The file, in the form that is asked for."""
        return super().get(request)
