from django.urls import path

from governance.web.findings import suggestions, views

urlpatterns = [
    path("", views.FindingList.as_view(), name="finding-list"),
    path("look", views.Look.as_view(), name="finding-look"),
    path("<uuid:pk>/", views.FindingPage.as_view(), name="finding-detail"),
    path("<uuid:pk>/dismiss", views.FindingDismiss.as_view(), name="finding-dismiss"),
    path("roles/", suggestions.SuggestionList.as_view(), name="suggestion-list"),
    path("roles/<uuid:pk>/", suggestions.SuggestionPage.as_view(), name="suggestion-detail"),
    path("roles/<uuid:pk>/dismiss", suggestions.SuggestionDismiss.as_view(), name="suggestion-dismiss"),
]
