"""Separation of duties: rules with their versions. They come into force, and end, by a proposed change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Body, Id, Shape, Text
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import Named, NamedSeparationRule, ReasonBody
from governance.catalog.states import Risk
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.separation import actions, permissions
from governance.separation.filters import RuleFilter
from governance.separation.models import SeparationRule, SeparationRuleVersion
from governance.separation.moves import SideWording, Wording
from governance.separation.states import Side, VersionState
from governance.users.states import Scope

TAG = "Separation of duties"
MOST_NAMED = 200
"""Entitlements, or bundles, on one side of a rule."""


class SeparationRuleShape(NamedSeparationRule):
    """What is kept apart, by its name. What it says is in its versions."""


class SeparationVersionShape(Shape):
    """What a rule says, or said: nobody holds something of each side.

    `left` and `right` are ids of entitlements, `left_bundles` and `right_bundles` those of bundles: each stands for
    all that it holds at the moment of the question.
    """

    id = serializers.UUIDField()
    rule = NamedSeparationRule()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)
    severity = serializers.ChoiceField(Risk.choices)
    reason = serializers.CharField()
    left = serializers.SerializerMethodField()
    right = serializers.SerializerMethodField()
    left_bundles = serializers.SerializerMethodField()
    right_bundles = serializers.SerializerMethodField()
    drafted_by = Named()
    effective_from = serializers.DateTimeField(allow_null=True)
    effective_until = serializers.DateTimeField(allow_null=True)

    def get_left(self, version: SeparationRuleVersion) -> list[UUID]:
        """One side."""
        return _named(version, Side.LEFT, "entitlement_id")

    def get_right(self, version: SeparationRuleVersion) -> list[UUID]:
        """The other side."""
        return _named(version, Side.RIGHT, "entitlement_id")

    def get_left_bundles(self, version: SeparationRuleVersion) -> list[UUID]:
        """Bundles on the one side."""
        return _named(version, Side.LEFT, "bundle_id")

    def get_right_bundles(self, version: SeparationRuleVersion) -> list[UUID]:
        """Bundles on the other side."""
        return _named(version, Side.RIGHT, "bundle_id")


def _named(version: SeparationRuleVersion, side: str, name: str) -> list[UUID]:
    return sorted(pk for member in version.members.all() if member.side == side and (pk := getattr(member, name)))


class SeparationWordingBody(Body):
    """What a rule is to say. Each side names at least one entitlement or bundle."""

    left = serializers.ListField(child=Id(), max_length=MOST_NAMED, default=list)
    right = serializers.ListField(child=Id(), max_length=MOST_NAMED, default=list)
    left_bundles = serializers.ListField(child=Id(), max_length=MOST_NAMED, default=list)
    right_bundles = serializers.ListField(child=Id(), max_length=MOST_NAMED, default=list)
    severity = serializers.ChoiceField(Risk.choices)
    reason = Text(max_length=2000, help_text="Why the two are kept apart; a requester reads it.")
    why = Text(max_length=2000, help_text="Why it is drafted. Kept on record.")


class SeparationRuleBody(SeparationWordingBody):
    """A new rule, with what it says first."""

    key = Text(max_length=32, help_text="Such as SOD-01.")
    title = Text(max_length=200)
    owner = Id(help_text="An active identity, who is told of violations.")


def _wording(given: Mapping[str, Any]) -> Wording:
    left, right = (
        SideWording(frozenset(given[side]), frozenset(given[f"{side}_bundles"])) for side in ("left", "right")
    )
    return Wording(left, right, given["severity"], given["reason"])


class _Rules:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("key",), descending=False)
    filters = RuleFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[SeparationRule]":
        """From the permissions of separation."""
        return permissions.visible_rules(self.actor, self.now)


class RuleList(_Rules, bases.MakeEndpoint):
    """Rules: those that the caller answers for, all for those who oversee."""

    operations = {
        "GET": Operation(
            "separation_rule_list", "List rules of separation", Scope.READ, SeparationRuleShape, listed=True
        ),
        "POST": Operation(
            "separation_rule_create", "Draft a new rule", Scope.REQUEST, SeparationRuleShape, 201, SeparationRuleBody
        ),
    }

    address = "api-separation-rule-detail"

    def make(self, given: Mapping[str, Any], _token: UUID) -> SeparationRule:
        """Draft it. Somebody else puts it in force."""
        said = {"key": given["key"], "title": given["title"], "owner_id": given["owner"], "why": given["why"]}
        return actions.create_rule(**said, wording=_wording(given), actor=self.actor, now=self.now).rule


class RuleDetail(_Rules, bases.OneEndpoint):
    """One rule."""

    operations = {
        "GET": Operation(
            "separation_rule_read", "Read a rule of separation", Scope.READ, SeparationRuleShape, conditional=True
        )
    }


class _Versions:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("id",))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[SeparationRuleVersion]":
        """Of the rules that the caller may see."""
        rows = permissions.visible_versions(self.actor, self.now)
        return rows.select_related("rule", "drafted_by").prefetch_related("members")


class VersionList(_Versions, bases.ListEndpoint):
    """All versions of the rules that the caller may see, newest first."""

    operations = {
        "GET": Operation(
            "separation_version_list", "List versions of rules", Scope.READ, SeparationVersionShape, listed=True
        )
    }


class VersionDetail(_Versions, bases.OneEndpoint):
    """One version."""

    operations = {
        "GET": Operation(
            "separation_version_read", "Read a version of a rule", Scope.READ, SeparationVersionShape, conditional=True
        )
    }


class VersionDraft(_Rules, bases.ActEndpoint):
    """Drafting the next version of a rule, in the place of a draft that waits."""

    operations = {
        "POST": Operation(
            "separation_rule_draft", "Draft a rule anew", Scope.REQUEST, SeparationRuleShape, body=SeparationWordingBody
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], _as_seen: AsSeen) -> SeparationRuleVersion:
        """Draft it."""
        said = {"wording": _wording(given), "why": given["why"]}
        return actions.draft(rule_id=pk, **said, actor=self.actor, now=self.now)


class VersionDiscard(_Versions, bases.ActEndpoint):
    """Dropping a draft."""

    operations = {
        "POST": Operation(
            "separation_version_discard",
            "Discard a draft",
            Scope.DECIDE,
            SeparationVersionShape,
            body=ReasonBody,
            conditional=True,
        )
    }

    def act(self, pk: UUID, given: Mapping[str, Any], as_seen: AsSeen) -> SeparationRuleVersion:
        """Discard it."""
        said = {"version_id": pk, "why": given["reason"], "as_seen": as_seen}
        return actions.discard(**said, actor=self.actor, now=self.now)
