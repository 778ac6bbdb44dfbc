"""Who calls: a token, or the session of somebody who tries the documentation out. Scopes are looked at here alone."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from governance.api import throttling
from governance.api.operations import Operation
from governance.core.actor import Actor
from governance.grants.actors import actor_of, machine_actor
from governance.users.models import ApiToken
from governance.users.moves import note_use
from governance.users.queries import token_of
from governance.users.states import Scope

TOKEN_ASSURANCE: Final = 1
"""A token is one factor, whatever its maker signed in with."""

BEARER: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what for they may."""

    actor: Actor
    scopes: frozenset[str]
    is_authenticated: ClassVar[bool] = True


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer lh_…`: an API token of a person or a machine identity."""

    def authenticate(self, request: Any) -> tuple[Caller, ApiToken] | None:
        """The caller behind the token; None without one. Raises AuthenticationFailed, or Throttled after many."""
        words = request.headers.get("Authorization", "").split()
        if not words or words[0].lower() != BEARER:
            return None
        now = request._request.now  # noqa: SLF001 - set by ActorMiddleware
        token = token_of(" ".join(words[1:]), now)
        actor = _actor(token, now) if token else None
        if token is None or actor is None:
            throttling.count_refusal(request)
            raise exceptions.AuthenticationFailed("The token is unknown, revoked or past its end.")
        note_use(token, now)
        return Caller(actor, frozenset(token.scopes)), token

    def authenticate_header(self, _request: Request) -> str:
        """How to come back."""
        return 'Bearer realm="Leasehold"'


def _actor(token: ApiToken, now: Any) -> Actor | None:
    if token.identity_id:
        return machine_actor(token.identity_id, TOKEN_ASSURANCE, now)
    return actor_of(token.user_id, TOKEN_ASSURANCE, now) if token.user_id else None


class SessionAuthentication(authentication.SessionAuthentication):
    """The portal's own session, with Django's protection against forged requests."""

    def authenticate(self, request: Any) -> tuple[Caller, None] | None:
        """The caller who has signed in; None for strangers. Raises PermissionDenied without the CSRF token."""
        signed_in = super().authenticate(request)
        if signed_in is None:
            return None
        actor = request._request.actor  # noqa: SLF001 - set by ActorMiddleware
        if actor is None:
            raise exceptions.PermissionDenied("This account is linked to no active identity.")
        return Caller(actor, frozenset(Scope.values)), None


class WithinScope(permissions.BasePermission):
    """The caller's scopes hold what the operation needs. What has no operation is nobody's."""

    def has_permission(self, request: Any, view: Any) -> bool:
        """Whether the method is within the caller's scopes; one that the endpoint does not have is refused later."""
        caller: Caller | None = request.user
        if caller is None:
            return False
        operation: Operation | None = view.operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None or operation.scope in caller.scopes:
            return True
        self.message = f"This needs a token with the scope “{operation.scope}”."
        return False
