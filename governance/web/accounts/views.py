"""Signing in as a persona, in demo mode alone."""

from typing import Final

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from governance.identities.models import Identity
from governance.web.actor import PERSONA

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
    return redirect(_destination(request))


def _destination(request: HttpRequest) -> str:
    """Where the visitor was going, if that is within the portal."""
    wanted = request.POST.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if inside else settings.LOGIN_REDIRECT_URL
