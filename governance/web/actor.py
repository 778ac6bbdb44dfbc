"""Who asks, and when: settled once for each request, before any page looks at it."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control

from governance.core.actor import Actor
from governance.grants.actors import actor_of
from governance.users.rules import ONE_FACTOR, TWO_FACTORS, Strength, strength, strongest

PERSONA = "signed_in_as_persona"
"""The session's mark of a demonstration's sign-in. It stands for a fresh one with two factors, until the persona has a
second factor of their own: from then on it stands for a password, and the factor is asked for like anybody's."""

BEGAN = "signed_in_at"
"""The session's key for when it was signed in, in seconds since 1970."""

PROVIDER = "signed_in_at_provider"
"""The session's key for what an OpenID provider has said: of whom, their level, since when, their roles."""

API = "api-"
"""Begins the names of the API's addresses, which refuse for themselves, and not by a page."""

OPEN_TO_ALL = frozenset({"account_logout", "health_live", "health_ready"})
"""What somebody who has signed in may still do without an active identity."""


class PortalRequest(HttpRequest):
    """A request as pages see it: `now` was read once, `actor` is None for strangers."""

    actor: Actor | None
    now: datetime


def is_over(request: Any) -> bool:
    """Whether the session has lasted as long as any may. Django would count from when something in it last changed."""
    now = request.now.timestamp()
    return bool(now - request.session.setdefault(BEGAN, now) >= settings.SESSION_COOKIE_AGE)


def session_strength(request: HttpRequest) -> Strength:
    """How strongly the session is signed in: by the strongest way, the latest of equals."""
    records = get_authentication_records(request, request.user)
    proven = [strength(records)]
    if any(record.get("method") == "socialaccount" for record in records):
        proven.append(_at_provider(request))
    if settings.DEMO_MODE and request.session.get(PERSONA):
        proven.append(_as_persona(request))
    return strongest(proven)


def _said_by_provider(request: HttpRequest) -> dict[str, Any]:
    """What a provider has said of the user who has signed in, and of nobody else."""
    said: dict[str, Any] = request.session.get(PROVIDER) or {}
    return said if said.get("user") == str(request.user.pk) else {}


def _at_provider(request: HttpRequest) -> Strength:
    said = _said_by_provider(request)
    at = said.get("at")
    return Strength(said.get("level", ONE_FACTOR), datetime.fromtimestamp(at, UTC) if at is not None else None)


def _as_persona(request: HttpRequest) -> Strength:
    return Strength(ONE_FACTOR if is_mfa_enabled(request.user) else TWO_FACTORS, timezone.now())


class ActorMiddleware:
    """Set `request.now` and `request.actor`; whoever signs in without an active identity can only sign out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        """Settle both, once. No cache keeps a refusal: it may say whom or what it refuses."""
        request.now = timezone.now()
        request.actor = None
        if request.user.is_authenticated and is_over(request):
            logout(request)
        if request.user.is_authenticated:
            proven = session_strength(request)
            request.actor = actor_of(
                request.user.pk,
                proven.level,
                request.now,
                proven_at=proven.at,
                claimed=_said_by_provider(request).get("roles", ()),
            )
        response = self.get_response(request)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            patch_cache_control(response, private=True, no_store=True)
        return response

    def process_view(
        self, request: Any, _view: Callable[..., HttpResponse], _args: list[Any], _kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Stop somebody who has an account and no active identity, and say so."""
        known = not request.user.is_authenticated or request.actor is not None
        name = str(request.resolver_match.url_name)
        if known or name in OPEN_TO_ALL or name.startswith(API):
            return None
        return render(request, "account/no_identity.html", status=403)
