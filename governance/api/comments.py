"""Comments: what those who have to do with a request say to each other about what is being decided."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework import serializers

from governance.api import bases, idempotency
from governance.api.fields import Body, Shape, Text
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import Named
from governance.approvals import actions
from governance.approvals.models import ApprovalRoute, Comment
from governance.changes import permissions as changes
from governance.core.errors import Invalid, NotFound
from governance.core.paging import Keyset
from governance.requests import permissions as requests
from governance.users.states import Scope


class CommentShape(Shape):
    """What somebody said, when. It is never changed."""

    id = serializers.UUIDField()
    author = Named()
    text = serializers.CharField()
    mentioned = serializers.ListField(child=serializers.UUIDField(), help_text="Identities that it names after an @.")
    at = serializers.DateTimeField()


class CommentBody(Body):
    """What there is to say."""

    text = Text(
        min_length=1,
        max_length=actions.LONGEST_COMMENT,
        help_text="Kept on record; everybody who sees the request reads it. @ and a name tells whom it names.",
    )


class CommentList(bases.MakeEndpoint):
    """What was said about one route, oldest first. Who sees the request reads it; who is asked or concerned writes."""

    tag = "Approvals"
    operations = {
        "GET": Operation("comment_list", "List comments", Scope.READ, CommentShape, listed=True),
        "POST": Operation("comment_make", "Comment", Scope.REQUEST, CommentShape, 201, CommentBody),
    }
    keyset = Keyset(("at", "id"), descending=False)
    filters = NoFilter

    def visible(self) -> "QuerySet[Comment]":
        """Those of the route, if the actor may see what it is about. Raises NotFound."""
        seen = [
            visible(self.actor, self.now).values("pk") for visible in (requests.visible_routes, changes.visible_routes)
        ]
        routes = ApprovalRoute.objects.filter(Q(pk__in=seen[0]) | Q(pk__in=seen[1]))
        route = routes.filter(pk=self.kwargs["pk"]).first()
        if route is None:
            raise NotFound
        return route.comments.select_related("author")

    def make(self, given: Mapping[str, Any], token: UUID) -> Comment:
        """Say it."""
        said = {"route_id": self.kwargs["pk"], "text": given["text"], "comment_id": token}
        try:
            return actions.comment(**said, actor=self.actor, now=self.now)
        except Invalid as refusal:
            raise refusal.renamed({"comment_id": idempotency.HEADER}) from refusal
