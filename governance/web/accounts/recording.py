"""What is recorded of signing in: by whom, how strongly, from where; and who was turned away."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_used
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from governance.core.actor import Actor, ActorKind
from governance.grants.actors import actor_of
from governance.lifecycle import sign_in
from governance.users import actions
from governance.users.models import User
from governance.web.actor import BEGAN, session_strength


def signed_in(request: HttpRequest, user: User, *, way: str = "") -> None:
    """Somebody has signed in: their session lasts from here on."""
    request.session[BEGAN] = timezone.now().timestamp()
    facts = {"way": way or ways(request), "address": address(request)}
    actions.note(user, "signed_in", actor=actor(request, user), now=timezone.now(), facts=facts)


def password_refused(request: HttpRequest, name: str) -> None:
    """A password was wrong, or there is nobody of that name."""
    now, facts = timezone.now(), {"way": "password", "address": address(request)}
    user = User.objects.filter(username__iexact=name).first() if "\0" not in name else None
    if user is None:
        actions.note_stranger(kind="password", name=name, why="There is nobody of that name", now=now, facts=facts)
    else:
        actions.note(user, "refused", actor=actions.SIGN_IN, now=now, facts=facts)


@receiver(authentication_failed, dispatch_uid="leasehold")
def factor_refused(request: HttpRequest, user: User, authenticator: Authenticator, **_rest: Any) -> None:
    """A code was wrong."""
    facts = {"way": authenticator.type, "address": address(request)}
    actions.note(user, "refused", actor=actions.SIGN_IN, now=timezone.now(), facts=facts)


@receiver(authenticator_used, dispatch_uid="leasehold")
def factor_used(
    request: HttpRequest, user: User, authenticator: Authenticator, *, reauthenticated: bool, **_rest: Any
) -> None:
    """A recovery code is gone, or somebody has confirmed that it is them. A plain sign-in is recorded as such."""
    now = timezone.now()
    facts = {"way": authenticator.type, "address": address(request)}
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        sign_in.change(lambda: None, user=user, verb="recovery_code_used", actor=actions.SIGN_IN, now=now, facts=facts)
    if reauthenticated:
        actions.note(user, "confirmed", actor=actor(request, user), now=now, facts=facts)


def actor(request: HttpRequest, user: User) -> Actor:
    """The one who has signed in, as events name them: also somebody without an active identity."""
    strength = session_strength(request)
    found = actor_of(user.pk, strength.level, timezone.now())
    return found or Actor(ActorKind.HUMAN, user.name, user_id=user.pk, assurance=strength.level)


def ways(request: HttpRequest) -> str:
    """How the session was signed in, one way after the other."""
    records = request.session.get("account_authentication_methods", [])
    return ", ".join(record.get("type") or record["method"] for record in records)


def address(request: HttpRequest) -> str:
    """Where the visitor comes from, as the rate limits count them."""
    return str(get_adapter(request).get_client_ip(request))
