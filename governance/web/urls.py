"""The addresses of all pages, area by area."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("governance.web.home.urls")),
    path("requests/", include("governance.web.requests.urls")),
    path("changes/", include("governance.web.changes.urls")),
    path("approvals/", include("governance.web.approvals.urls")),
    path("calendars/", include("governance.web.calendars.urls")),
    path("tasks/", include("governance.web.tasks.urls")),
    path("grants/", include("governance.web.grants.urls")),
    path("purposes/", include("governance.web.purposes.urls")),
    path("bundles/", include("governance.web.bundles.urls")),
    path("catalog/", include("governance.web.catalog.urls")),
    path("findings/", include("governance.web.findings.urls")),
    path("break-glass/", include("governance.web.emergency.urls")),
    path("speed/", include("governance.web.speed.urls")),
    path("notifications/", include("governance.web.notifications.urls")),
    path("policy/", include("governance.web.policy.urls")),
    path("people/", include("governance.web.people.urls")),
    path("separation/", include("governance.web.separation.urls")),
    path("events/", include("governance.web.audit.urls")),
    path("tokens/", include("governance.web.users.urls")),
    path("api/docs/", include("governance.web.api.urls")),
    path("accounts/", include("governance.web.accounts.urls")),
]
