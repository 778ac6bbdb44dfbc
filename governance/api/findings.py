"""What has gone stale, roles that access has already, and the surveys that find both (docs/analysis.md)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.analysis import actions, permissions
from governance.analysis.filters import StaleFilter, SuggestionFilter
from governance.analysis.models import RoleSuggestion, StaleFinding, Survey
from governance.analysis.reasons import reason
from governance.analysis.states import FoundState, Stale, SurveyState
from governance.api import bases
from governance.api.fields import Body, Moment, Shape, Text
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import Named, NoBody
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.users.states import Scope


class SurveyShape(Shape):
    """A look over everything for what has gone stale."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    state = serializers.ChoiceField(SurveyState.choices)
    state_reason = serializers.CharField()
    started_by = serializers.CharField()
    at = serializers.DateTimeField(help_text="Everything is looked at as it is at this moment.")
    done = serializers.ListField(child=serializers.CharField(), help_text="The parts that have been looked at.")
    counts = serializers.JSONField(help_text="What was found, what of it is new and what is gone, by part.")
    closed_at = serializers.DateTimeField(allow_null=True)


class FoundShape(Shape):
    """What a survey has found."""

    id = serializers.UUIDField()
    reference = serializers.CharField(source="__str__")
    state = serializers.ChoiceField(FoundState.choices)
    state_reason = serializers.CharField(help_text="Why it is dismissed.")
    dismissed_by = serializers.CharField()
    dismissed_until = serializers.DateTimeField(allow_null=True)
    score = serializers.IntegerField(help_text="How much it matters among its kind, from 0 to 100.")
    survey_id = serializers.UUIDField(help_text="Which survey found it first.")
    found_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class StaleFindingShape(FoundShape):
    """Something stale."""

    kind = serializers.ChoiceField(Stale.choices)
    subject_kind = serializers.CharField()
    subject_id = serializers.UUIDField()
    subject = serializers.CharField()
    reason = serializers.SerializerMethodField()
    figures = serializers.JSONField(help_text="What the reason is made of; they differ from kind to kind.")
    system = Named(allow_null=True)
    holder = Named(allow_null=True)
    owner_kind = serializers.CharField(help_text="Whoever owns the thing that these two name answers for it.")
    owner_id = serializers.UUIDField()

    def get_reason(self, found: StaleFinding) -> str:
        """Why, in words."""
        return reason(found.kind, found.figures)


class SuggestionShape(FoundShape):
    """A set of entitlements that many hold already and that is no bundle yet. Figures are pairs of both, or people."""

    entitlement_ids = serializers.ListField(child=serializers.UUIDField(), source="entitlements")
    criteria = serializers.CharField(help_text="A condition over the identity; empty where none tells who they are.")
    members = serializers.IntegerField(help_text="Identities that hold most of it.")
    matched = serializers.IntegerField(help_text="Identities that the criteria match.")
    covered = serializers.IntegerField(help_text="Access that it explains, and no role before it.")
    standing = serializers.IntegerField(help_text="All access that there was.")
    missing = serializers.IntegerField(help_text="What members lack of it.")
    excess = serializers.IntegerField(help_text="What members and those who match would get anew.")


class DismissBody(Body):
    """Why it is let be, and until when."""

    reason = Text(max_length=2000, help_text="Kept on record; whoever looks next reads it.")
    until = Moment(help_text="Within a year. If it is still there then, it is open again.")


TAG = "Findings"


class _Surveys:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("number",))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[Survey]":
        """From the permissions of analysis."""
        return permissions.surveys(self.actor)


class SurveyList(_Surveys, bases.MakeEndpoint):
    """Surveys, newest first, for those who oversee; nobody else finds any."""

    operations = {
        "GET": Operation("survey_list", "List surveys", Scope.READ, SurveyShape, listed=True),
        "POST": Operation("survey_start", "Look for what is stale", Scope.POLICY, SurveyShape, 201, NoBody),
    }
    address = "api-survey-detail"

    def make(self, _given: Mapping[str, Any], _token: UUID) -> Survey:
        """Begin one. It goes on in the background, and says which parts are done."""
        return actions.start_survey(actor=self.actor, now=self.now)


class SurveyDetail(_Surveys, bases.OneEndpoint):
    """One survey, with how far it has come."""

    operations = {"GET": Operation("survey_read", "Read a survey", Scope.READ, SurveyShape, conditional=True)}


class _Findings:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("score", "number"))
    filters = StaleFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[StaleFinding]":
        """From the permissions of analysis."""
        return permissions.stale(self.actor, self.now).select_related("system", "holder")


class FindingList(_Findings, bases.ListEndpoint):
    """What is stale among what the caller answers for or oversees, the weightiest first; what is gone on request."""

    operations = {"GET": Operation("finding_list", "List findings", Scope.READ, StaleFindingShape, listed=True)}


class FindingExport(_Findings, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("finding_export", "Export findings", Scope.EXPORT, None)}
    table = tables.STALE_FINDINGS


class FindingDetail(_Findings, bases.OneEndpoint):
    """One finding."""

    operations = {"GET": Operation("finding_read", "Read a finding", Scope.READ, StaleFindingShape, conditional=True)}


class FindingDismiss(_Findings, bases.ActEndpoint):
    """Letting a finding be for a while: for whoever answers for what it is about."""

    operations = {
        "POST": Operation(
            "finding_dismiss", "Dismiss a finding", Scope.DECIDE, StaleFindingShape, body=DismissBody, conditional=True
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Dismiss it."""
        return actions.dismiss_finding(finding_id=pk, actor=self.actor, now=self.now, as_seen=as_seen, **given)


class _Suggestions:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("covered", "number"))
    filters = SuggestionFilter
    actor: Any

    def visible(self) -> "QuerySet[RoleSuggestion]":
        """From the permissions of analysis."""
        return permissions.suggestions(self.actor)


class SuggestionList(_Suggestions, bases.ListEndpoint):
    """Roles mined from access, those that explain most first, for those who oversee; nobody else finds any."""

    operations = {
        "GET": Operation("role_suggestion_list", "List suggested roles", Scope.READ, SuggestionShape, listed=True)
    }


class SuggestionExport(_Suggestions, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("role_suggestion_export", "Export suggested roles", Scope.EXPORT, None)}
    table = tables.ROLE_SUGGESTIONS


class SuggestionDetail(_Suggestions, bases.OneEndpoint):
    """One suggestion. It leads to a change `bundle.new`."""

    operations = {
        "GET": Operation("role_suggestion_read", "Read a suggested role", Scope.READ, SuggestionShape, conditional=True)
    }


class SuggestionDismiss(_Suggestions, bases.ActEndpoint):
    """Letting a suggestion be for a while: for administrators."""

    now: Any
    operations = {
        "POST": Operation(
            "role_suggestion_dismiss",
            "Dismiss a suggested role",
            Scope.DECIDE,
            SuggestionShape,
            body=DismissBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> Any:
        """Dismiss it."""
        return actions.dismiss_suggestion(suggestion_id=pk, actor=self.actor, now=self.now, as_seen=as_seen, **given)
