"""Who asks, and when: settled once for each request, before any page looks at it."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control

from governance.core.actor import Actor, ActorKind
from governance.grants.queries import portal_roles
from governance.identities.models import Identity
from governance.identities.queries import same_human

ASSURANCE = {"password": 1}
"""The assurance level that each way of signing in gives; a way that is not listed gives none."""

PERSONA = "signed_in_as_persona"
"""The session's mark of a demonstration's sign-in, which stands for one with a password."""

OPEN_TO_ALL = frozenset({"account_logout", "health_live", "health_ready"})
"""What somebody who has signed in may still do without an active identity."""


class PortalRequest(HttpRequest):
    """A request as pages see it: `now` was read once, `actor` is None for strangers."""

    actor: Actor | None
    now: datetime


def actor_of(user_id: UUID, assurance: int, now: datetime) -> Actor | None:
    """The actor behind a sign-in account, with the roles held at this moment; None without an active identity."""
    identity = Identity.objects.active(now).filter(user=user_id).first()
    if identity is None:
        return None
    own = same_human([identity.pk])
    return Actor(
        kind=ActorKind.HUMAN,
        label=identity.name,
        user_id=user_id,
        identity_id=identity.pk,
        human_id=identity.human_id,
        identity_ids=own,
        roles=portal_roles(own, user_id, now),
        assurance=assurance,
    )


def session_assurance(request: HttpRequest) -> int:
    """The session's strength as an authenticator assurance level, by the strongest way it was signed in."""
    if request.session.get(PERSONA):
        return ASSURANCE["password"]
    records = get_authentication_records(request, request.user)
    return max((ASSURANCE.get(record["method"], 0) for record in records), default=0)


class ActorMiddleware:
    """Set `request.now` and `request.actor`; whoever signs in without an active identity can only sign out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        """Settle both, once. No cache keeps a refusal: it may say whom or what it refuses."""
        request.now = timezone.now()
        request.actor = None
        if request.user.is_authenticated:
            request.actor = actor_of(request.user.pk, session_assurance(request), request.now)
        response = self.get_response(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            patch_cache_control(response, private=True, no_store=True)
        return response

    def process_view(
        self, request: Any, _view: Callable[..., HttpResponse], _args: list[Any], _kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Stop somebody who has an account and no active identity, and say so."""
        known = not request.user.is_authenticated or request.actor is not None
        if known or request.resolver_match.url_name in OPEN_TO_ALL:
            return None
        return render(request, "account/no_identity.html", status=403)
