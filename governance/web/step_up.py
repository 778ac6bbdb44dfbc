"""The way to a stronger sign-in and back, with what had been typed."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from governance.core.stepup import StepUpRequired

KEPT: Final = "step_up"
MOST_TYPED: Final = 20_000
"""Characters that are kept of a form; a longer one comes back empty."""


def ask(request: Any, refusal: StepUpRequired, back: str) -> HttpResponse:
    """Send somebody to confirm that it is them. They come back to `back`, the page of the form they had sent."""
    typed = {name: values for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"}
    if sum(len(value) for values in typed.values() for value in values) > MOST_TYPED:
        typed = {}
    request.session[KEPT] = {"back": back, "typed": typed, "act": refusal.act.value}
    there = f"{reverse('account_step_up')}?{urlencode({'next': back})}"
    return HttpResponseClientRedirect(there) if request.htmx else redirect(there)


def typed(request: HttpRequest) -> dict[str, Any]:
    """What had been typed into the form of this page before its sender was asked to confirm; given back once."""
    if waiting(request).get("back") != request.path:
        return {}
    kept = request.session.pop(KEPT)["typed"]
    return {name: values[0] if len(values) == 1 else values for name, values in kept.items()}


def waiting(request: HttpRequest) -> dict[str, Any]:
    """The act that waits for a stronger sign-in: its `act` in words, and `back`, its page. Empty when none does."""
    return request.session.get(KEPT) or {}
