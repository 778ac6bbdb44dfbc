"""Notifications: the caller's inbox, and what of it comes by mail."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api import bases, conditions, idempotency
from governance.api.fields import Body, Shape, Whole
from governance.api.operations import Operation
from governance.api.query import checked
from governance.api.shapes import NoBody
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.evidence import tables
from governance.notifications import actions, permissions
from governance.notifications.filters import NotificationFilter
from governance.notifications.models import LAST_HOUR, Notification
from governance.notifications.states import CHOSEN, Rhythm, Topic
from governance.users.states import Scope

TAG = "Notifications"


class NotificationShape(Shape):
    """One message, and what it is about."""

    id = serializers.UUIDField()
    topic = serializers.ChoiceField(Topic.choices)
    title = serializers.CharField()
    body = serializers.CharField()
    subject_kind = serializers.CharField()
    subject_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class ReadShape(Shape):
    """How many messages count as read that did not before."""

    count = serializers.IntegerField()


class PreferenceShape(Shape):
    """How the messages of each topic come by mail, at which hour (UTC) what comes once a day, and whereto."""

    work = serializers.ChoiceField(Rhythm.choices)
    outcome = serializers.ChoiceField(Rhythm.choices)
    end = serializers.ChoiceField(Rhythm.choices)
    digest_hour = serializers.IntegerField()
    addresses = serializers.ListField(child=serializers.CharField())


class PreferenceBody(Body):
    """The whole choice; it takes the place of what was chosen before."""

    work = serializers.ChoiceField(Rhythm.choices)
    outcome = serializers.ChoiceField(Rhythm.choices)
    end = serializers.ChoiceField(Rhythm.choices)
    digest_hour = Whole(min_value=0, max_value=LAST_HOUR)


class _Notifications:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("created_at", "id"))
    filters = NotificationFilter
    actor: Any

    def visible(self) -> "QuerySet[Notification]":
        """From the permissions of notifications: the caller's own, whatever their role."""
        return permissions.visible(self.actor)


class NotificationList(_Notifications, bases.ListEndpoint):
    """What was said to the caller, latest first."""

    operations = {
        "GET": Operation("notification_list", "List notifications", Scope.READ, NotificationShape, listed=True)
    }


class NotificationExport(_Notifications, bases.ExportEndpoint):
    """The same list as a file."""

    operations = {"GET": Operation("notification_export", "Export notifications", Scope.EXPORT, None)}
    table = tables.NOTIFICATIONS


class NotificationDetail(_Notifications, bases.OneEndpoint):
    """One message. Reading it here does not count it as read."""

    operations = {
        "GET": Operation("notification_get", "Get a notification", Scope.READ, NotificationShape, conditional=True)
    }


class NotificationRead(_Notifications, bases.ActEndpoint):
    """Counting one message as read; the first time stays."""

    operations = {"POST": Operation("notification_read", "Count as read", Scope.INBOX, NotificationShape, body=NoBody)}

    def act(self, pk: UUID, _given: Mapping[str, Any], _as_seen: AsSeen) -> Notification:
        """Count it. What a message says never changes, so there is nothing to be seen otherwise."""
        return actions.open_notification(notification_id=pk, actor=self.actor, now=self.now)


class NotificationReadAll(bases.Endpoint):
    """Counting everything said so far as read."""

    tag = TAG
    operations = {"POST": Operation("notification_read_all", "Count all as read", Scope.INBOX, ReadShape, body=NoBody)}

    def post(self, request: Request) -> Response:
        """Count them."""
        self.sent(request)
        return idempotency.once(request, self.actor, lambda: self._done(request))

    def _done(self, request: Request) -> Response:
        return Response(self.told(request, {"count": actions.read_all(actor=self.actor, now=self.now)}))


class Preferences(bases.Endpoint):
    """What of the inbox comes by mail as well."""

    tag = TAG
    operations = {
        "GET": Operation("mail_preference_read", "Read what is mailed", Scope.READ, PreferenceShape, conditional=True),
        "POST": Operation(
            "mail_preference_set", "Choose what is mailed", Scope.INBOX, PreferenceShape, 200, PreferenceBody
        ),
    }

    def get(self, request: Request) -> Response:
        """The choice as it stands, or what holds for whoever has made none."""
        checked(request, ())
        return conditions.answered(request, self._now(request))

    def post(self, request: Request) -> Response:
        """Make the choice."""
        given = self.sent(request)
        return idempotency.once(request, self.actor, lambda: self._chosen(request, given))

    def _chosen(self, request: Request, given: Mapping[str, Any]) -> Response:
        rhythms = {topic: given[topic.value] for topic in CHOSEN}
        actions.prefer(rhythms=rhythms, digest_hour=given["digest_hour"], actor=self.actor)
        return Response(self._now(request))

    def _now(self, request: Request) -> Any:
        addresses = permissions.addresses(self.actor, self.now)
        return self.told(request, {**permissions.preference(self.actor), "addresses": addresses})
