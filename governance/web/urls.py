"""The addresses of all pages, area by area."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("governance.web.home.urls")),
    path("requests/", include("governance.web.requests.urls")),
    path("approvals/", include("governance.web.approvals.urls")),
    path("tasks/", include("governance.web.tasks.urls")),
    path("grants/", include("governance.web.grants.urls")),
    path("notifications/", include("governance.web.notifications.urls")),
    path("people/", include("governance.web.people.urls")),
    path("separation/", include("governance.web.separation.urls")),
    path("events/", include("governance.web.audit.urls")),
    path("tokens/", include("governance.web.users.urls")),
    path("api/docs/", include("governance.web.api.urls")),
    path("accounts/", include("governance.web.accounts.urls")),
]
