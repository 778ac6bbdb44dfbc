"""API tokens: whose, what for and until when. They are made on their page alone: no token makes another."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from governance.api import bases
from governance.api.fields import Shape
from governance.api.operations import Operation
from governance.api.query import NoFilter
from governance.api.shapes import Named, NoBody
from governance.core.paging import Keyset
from governance.core.seen import AsSeen
from governance.identities import actions, permissions
from governance.identities.models import Identity
from governance.users.models import ApiToken
from governance.users.queries import last_used
from governance.users.states import Scope, TokenState

TAG = "API tokens"


class TokenShape(Shape):
    """What a program signs in with, never its secret. One that is past its end works no more, whatever its state."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.SerializerMethodField()
    holder = Named()
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    state = serializers.ChoiceField(TokenState.choices)
    created_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    last_used_at = serializers.SerializerMethodField()

    def get_prefix(self, token: ApiToken) -> str:
        """How its secret begins."""
        return f"lh_{token.prefix}"

    def get_last_used_at(self, token: ApiToken) -> Any:
        """To the minute."""
        used = last_used(token)
        return serializers.DateTimeField().to_representation(used) if used else None


class _Tokens:
    """What all of them have in common."""

    tag = TAG
    keyset = Keyset(("created_at", "id"))
    filters = NoFilter
    actor: Any
    now: Any

    def visible(self) -> "QuerySet[ApiToken]":
        """From the permissions of identities."""
        return permissions.visible_tokens(self.actor, self.now).select_related("user__identity", "use")

    def rows(self, found: Sequence[ApiToken]) -> Sequence[ApiToken]:
        """With whom they sign in; one query for the machine identities."""
        machines = Identity.objects.in_bulk({token.identity_id for token in found if token.identity_id})
        for token in found:
            own: Any = token.user
            token.holder = machines[token.identity_id] if token.identity_id else own.identity  # type: ignore[attr-defined]
        return found

    def whole(self, found: ApiToken) -> ApiToken:
        """With whom it signs in."""
        return self.rows([found])[0]


class TokenList(_Tokens, bases.ListEndpoint):
    """Tokens of the caller and of the machine identities they own, newest first; all for those who oversee."""

    operations = {"GET": Operation("token_list", "List API tokens", Scope.READ, TokenShape, listed=True)}


class TokenDetail(_Tokens, bases.OneEndpoint):
    """One token."""

    operations = {"GET": Operation("token_read", "Read an API token", Scope.READ, TokenShape, conditional=True)}


class TokenRevoke(_Tokens, bases.ActEndpoint):
    """Ending a token at once, also the one that is used to do it. It never comes back."""

    operations = {
        "POST": Operation("token_revoke", "Revoke an API token", Scope.END, TokenShape, body=NoBody, conditional=True)
    }

    def act(self, pk: UUID, _given: Mapping[str, Any], as_seen: AsSeen) -> ApiToken:
        """Revoke it."""
        return actions.revoke_token(token_id=pk, actor=self.actor, now=self.now, as_seen=as_seen)
