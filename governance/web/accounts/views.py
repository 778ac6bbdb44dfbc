"""Signing in as a persona, in demo mode alone."""

from typing import Final

from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance.identities.models import Identity
from governance.web.accounts import recording
from governance.web.actor import PERSONA
from governance.web.destinations import within

BACKEND: Final = "allauth.account.auth_backends.AuthenticationBackend"


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as the persona that was clicked. 404 outside demo mode, and for whoever is no persona."""
    if not settings.DEMO_MODE:
        raise Http404
    personas = Identity.objects.active(timezone.now()).filter(user__is_active=True).select_related("user")
    wanted = forms.CharField(required=False)
    try:
        name = wanted.clean(request.POST.get("persona", ""))
    except forms.ValidationError:
        raise Http404 from None
    identity = personas.filter(user__username=name).first()
    if identity is None or identity.user is None:
        raise Http404
    login(request, identity.user, backend=BACKEND)
    request.session[PERSONA] = True
    UserSession.objects.create_from_request(request)
    recording.signed_in(request, identity.user, way="persona")
    return redirect(within(request, request.POST.get("next"), settings.LOGIN_REDIRECT_URL))
