"""Signing in at an OpenID provider. Who comes from there is somebody the portal knows already, or nobody.

If this is wrong, somebody else at the provider, or somebody between it and the portal, signs in as one of our people.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NoReturn

from allauth.account.internal.flows.login import record_authentication
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from governance.core.errors import Conflict, NotFound
from governance.core.stepup import FRESH
from governance.identities.models import Identity
from governance.identities.states import Kind
from governance.lifecycle.linking import link
from governance.users import actions
from governance.users.models import User
from governance.users.rules import claimed_level
from governance.web import bases
from governance.web.accounts import recording
from governance.web.accounts.providers import PROVIDER_ID, provider_name
from governance.web.actor import PROVIDER
from governance.web.destinations import within

MOST_OF_SUBJECT: Final = 191
"""Characters that allauth keeps of a subject."""

NONCE: Final = "asked_of_provider"
LATELY: Final = 60
"""How many seconds ago somebody may have signed in at the provider who is asked to do it again. Not 0: a provider that
compares it after the sign-in would ask for ever."""

LEEWAY: Final = timedelta(seconds=30)
"""How far the provider's clock may be ahead or behind."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says of somebody, as far as the portal uses it."""

    subject: str
    email: str
    external_key: str
    level: int
    signed_in_at: datetime | None
    roles: tuple[str, ...]

    @property
    def fresh(self) -> bool:
        """Whether they have signed in at the provider within the last minutes, and it says so."""
        return self.signed_in_at is not None and timezone.now() - self.signed_in_at <= FRESH + LEEWAY


class ProviderClient(OpenIDConnectOAuth2Adapter):
    """allauth's client of the provider, stricter: signatures are always checked, answers belong together."""

    def complete_login(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """What the ID token says, with what the address of user information adds. Raises OAuth2Error."""
        login = super().complete_login(request, app, token, **kwargs)
        said = login.account.extra_data
        nonce = request.session.pop(NONCE, None)
        proven, told = said.get("id_token"), said.get("userinfo") or {}
        if not proven or not proven.get("sub") or told.get("sub", proven["sub"]) != proven["sub"]:
            raise OAuth2Error("The provider's answers are about different people, or about nobody.")
        if not nonce or proven.get("nonce") != nonce:
            raise OAuth2Error("The provider's answer is to another question.")
        login.claims = claims_of(proven, {**told, **proven})
        login.account.uid = login.claims.subject
        login.account.extra_data = {"iss": proven["iss"], "sub": proven["sub"]}
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        """Check the signature as well, which allauth leaves to the connection the token came by."""
        decoded: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
            verify_signature=True,
        )
        return decoded


def claims_of(proven: dict[str, Any], said: dict[str, Any]) -> Claims:
    """What is used of the ID token's claims, `proven`, and of those with what user information adds, `said`."""
    subject = f"{proven['iss']} {proven['sub']}"
    if len(subject) > MOST_OF_SUBJECT:
        subject = hashlib.sha256(subject.encode()).hexdigest()
    at = proven.get("auth_time")
    return Claims(
        subject=subject,
        email=str(said.get("email", "")) if said.get("email_verified") is True else "",
        external_key=str(said.get(settings.OIDC_EXTERNAL_KEY_CLAIM) or "") if settings.OIDC_EXTERNAL_KEY_CLAIM else "",
        level=claimed_level(str(proven.get("acr", "")), _texts(proven.get("amr")), settings.OIDC_ACR_TWO_FACTORS),
        signed_in_at=datetime.fromtimestamp(min(at, time.time()), UTC) if isinstance(at, int | float) else None,
        roles=_roles(_texts(said.get(settings.OIDC_ROLE_CLAIM))),
    )


def _texts(value: object) -> frozenset[str]:
    """A claim's values, whether it is a list or a single text."""
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _roles(values: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(role for role, value in settings.OIDC_ROLES.items() if value in values))


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Decides who somebody at the provider is here."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Go on with somebody the portal knows. Everybody else is shown why not, and it is recorded."""
        claims: Claims = sociallogin.claims
        if request.user.is_authenticated:
            self._confirm(request, sociallogin, claims)
        if not sociallogin.is_existing:
            self._link(request, claims)
            sociallogin.lookup()
        if not _acts(sociallogin.user):
            _turn_away(request, claims, "Nobody active here is linked to them")
        remember(request, sociallogin.user, claims)

    def on_authentication_error(self, request: HttpRequest, provider: Any, **_rest: Any) -> None:
        """Say so in the portal's own words."""
        raise ImmediateHttpResponse(
            render(request, "account/provider_failed.html", {"name": provider.name}, status=403)
        )

    def _link(self, request: HttpRequest, claims: Claims) -> None:
        now = timezone.now()
        identity = match(claims, now)
        if identity is None:
            _turn_away(request, claims, "Nobody here matches them")
        try:
            link(identity_id=identity.pk, provider=PROVIDER_ID, subject=claims.subject, email=claims.email, now=now)
        except (Conflict, NotFound) as refusal:
            _turn_away(request, claims, refusal.message)

    def _confirm(self, request: Any, sociallogin: SocialLogin, claims: Claims) -> NoReturn:
        """Somebody who has signed in comes from the provider again, to confirm that it is them."""
        back = sociallogin.state.get("next") or reverse("mfa_index")
        if not sociallogin.is_existing or sociallogin.user.pk != request.user.pk:
            _turn_away(request, claims, f"They are not {request.user}")
        if is_mfa_enabled(request.user):  # what the provider says may be one factor: it must not stand for two
            raise ImmediateHttpResponse(redirect(f"{reverse('account_step_up')}?{urlencode({'next': back})}"))
        if claims.signed_in_at is None or not claims.fresh:
            context = {"name": sociallogin.provider.name, "not_asked": True}
            raise ImmediateHttpResponse(render(request, "account/provider_failed.html", context, status=403))
        at = claims.signed_in_at.timestamp()  # when they did, not when they came back: nothing is confirmed for longer
        way = {"provider": PROVIDER_ID, "uid": claims.subject, "at": at}
        record_authentication(request, request.user, "socialaccount", reauthenticated=True, **way)
        remember(request, request.user, claims)
        who = recording.actor(request, request.user)
        actions.note(request.user, "confirmed", actor=who, now=timezone.now(), facts={"way": PROVIDER_ID})
        raise ImmediateHttpResponse(redirect(back))


def match(claims: Claims, now: datetime) -> Identity | None:
    """The one active person of a configured source whom the claims are about: by key, else by verified address."""
    people = Identity.objects.active(now).filter(
        kind__in=(Kind.PERSON, Kind.EXTERNAL), source__in=settings.OIDC_SOURCES
    )
    if settings.OIDC_EXTERNAL_KEY_CLAIM:
        found = list(people.filter(external_key=claims.external_key)[:2]) if claims.external_key else []
    else:
        alike = people.filter(email__iexact=claims.email) if claims.email else people.none()
        found = [one for one in alike if _folded(one.email) == _folded(claims.email)]
    return found[0] if len(found) == 1 else None


def _folded(address: str) -> bytes:
    """Without the case of the letters A to Z alone: the database takes a dotless i for an I, and so for an i."""
    return address.encode().lower()


def _acts(user: User) -> bool:
    return Identity.objects.active(timezone.now()).filter(user=user).exists()


def remember(request: HttpRequest, user: User, claims: Claims) -> None:
    """Keep with the session what the provider has said: how strong the sign-in is, and which roles it allows."""
    request.session[PROVIDER] = {
        "user": str(user.pk),
        "level": claims.level,
        "at": claims.signed_in_at.timestamp() if claims.signed_in_at else None,
        "roles": list(claims.roles),
    }


def _turn_away(request: HttpRequest, claims: Claims, why: str) -> NoReturn:
    """Say that nobody here is meant, without saying who is here; record it."""
    facts = {"way": PROVIDER_ID, "address": recording.address(request)}
    actions.note_stranger(kind=PROVIDER_ID, name=claims.subject, why=why, now=timezone.now(), facts=facts)
    raise ImmediateHttpResponse(render(request, "account/stranger.html", status=403))


@require_GET
def login(request: HttpRequest, **_which: str) -> HttpResponse:
    """Off to the provider. 404 where there is none."""
    return _to_provider(request, within(request, request.GET.get("next"), settings.LOGIN_REDIRECT_URL))


@require_GET
def callback(request: HttpRequest, **_which: str) -> HttpResponse:
    """Back from the provider. 404 where there is none."""
    _provider(request)
    response: HttpResponse = OAuth2CallbackView.adapter_view(ProviderClient(request, PROVIDER_ID))(request)
    return response


def _to_provider(request: HttpRequest, back: str, **asked: Any) -> HttpResponse:
    """Off to the provider, with a number that its answer has to repeat."""
    provider = _provider(request)
    nonce = request.session[NONCE] = get_random_string(32)
    try:
        response: HttpResponse = provider.redirect(
            request, AuthProcess.LOGIN, next_url=back, auth_params={"nonce": nonce, **asked}
        )
    except OSError:  # what every failure of the connection, and of reading its answer, is
        context = {"name": provider.name, "silent": True}
        return render(request, "account/provider_failed.html", context, status=HTTPStatus.BAD_GATEWAY)
    return response


def _provider(request: HttpRequest) -> Any:
    if not provider_name():
        raise Http404
    return ProviderAdapter(request).get_provider(request, PROVIDER_ID)


class ConfirmAtProvider(bases.Page):
    """Confirm that it is oneself by signing in at the provider again."""

    http_method_names = bases.READS

    def get(self, request: HttpRequest) -> HttpResponse:
        """Off to the provider, which is told to ask again; whether it did is seen from what it answers."""
        back = within(request, request.GET.get("next"), reverse("mfa_index"))
        return _to_provider(request, back, prompt="login", max_age=LATELY)
